"""The commands of `models`: which there are, what they are made of, how fast they could be."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.cli.terminal.show import show_sections
from resnext_bench.config.models import require_family, require_image_size
from resnext_bench.errors import UsageError
from resnext_bench.reports.networks.architectures import model_rows, model_sheet
from resnext_bench.reports.networks.rooflines import roofline
from resnext_bench.resnext.devices import UnknownDevice, described
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import Architecture, formed, names, parse
from resnext_bench.resnext.roofline import Roof
from resnext_bench.resnext.spec import Form
from resnext_bench.resnext.traffic import Dtype


def list_command(image_size: int | None, form: Format) -> int:
    """List the well-known networks."""
    rows = model_rows(names(), image_size)
    if form == "json":
        print_json(msgspec.json.encode(rows))
        return 0
    from resnext_bench.reports.render.networks import models_sections

    left_out = [name for name in names() if name not in {row.name for row in rows}]
    show_sections(models_sections(rows, left_out), form)
    return 0


def show_command(name: str, block_form: str | None, image_size: int | None, form: Format) -> int:
    """Show one network."""
    spec = _architecture(name, block_form)
    require_image_size(spec, image_size or spec.image_size)
    sheet = model_sheet(spec, image_size)
    if form == "json":
        print_json(msgspec.json.encode(sheet))
        return 0
    from resnext_bench.reports.render.networks import sheet_sections

    show_sections(sheet_sections(sheet), form)
    return 0


def roofline_command(given: Mapping[str, Any]) -> int:
    """Show a network's roofline on a device."""
    shown: Format = given["shown"]
    spec = _architecture(given["name"], given["form"])
    roof, dtype, device, source = _roof(given)
    pixels = given["image_size"] or spec.image_size
    require_image_size(spec, pixels)
    found = roofline(
        draw(spec, pixels),
        roof,
        model=spec.name,
        form=given["form"] or "c",
        batch=given["batch_size"],
        dtype=dtype,
        layout=given["layout"],
        device=device,
        source=source,
    )
    if shown == "json":
        print_json(msgspec.json.encode(found))
        return 0
    from resnext_bench.reports.render.networks import roofline_sections

    show_sections(roofline_sections(found, given["top"] or None), shown)
    return 0


def _architecture(name: str, form: str | None) -> Architecture:
    require_family(name, "NAME", form)
    spec = parse(name)
    return formed(name, cast(Form, form), spec.classes) if form else spec


def _roof(given: Mapping[str, Any]) -> tuple[Roof, Dtype, str, str]:
    """Return the rates, their type, the device's name, and where the rates are from."""
    asked: Dtype | None = given["dtype"]
    tflops, bandwidth = given["tflops"], given["bandwidth"]
    if given["device"] is None:
        if tflops is None or bandwidth is None:
            raise UsageError("models roofline: give --device h200, or --tflops and --bandwidth")
        roof = Roof(flop_per_s=1e12 * tflops, bytes_per_s=1e9 * bandwidth)
        return roof, asked or "bf16", "your device", "as given"
    try:
        device = described(given["device"])
    except UnknownDevice as error:
        raise UsageError(f"--device: {error}; or give --tflops and --bandwidth") from error
    dtype = asked or ("bf16" if tflops or "bf16" in device.tflops else "fp16")
    if tflops is None and dtype not in device.tflops:
        kinds = ", ".join(device.tflops)
        raise UsageError(f"--dtype {dtype}: {device.name} has only {kinds}")
    own = [name for name, rate in (("TFLOP/s", tflops), ("GB/s", bandwidth)) if rate]
    sources = [*([device.source] if len(own) < 2 else []), *(f"{name} as given" for name in own)]
    roof = Roof(
        flop_per_s=1e12 * (tflops or device.tflops[dtype]),
        bytes_per_s=1e9 * (bandwidth or device.gb_per_s),
    )
    return roof, dtype, device.name, "; ".join(sources)
