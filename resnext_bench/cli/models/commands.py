"""The commands of `models`: what there is, what it is made of, how fast it could be."""

import math
from collections.abc import Mapping
from typing import Any, Final, cast, get_args

import msgspec

from resnext_bench.cli.terminal.output import print_json
from resnext_bench.cli.terminal.show import Format, format_of, show_sections
from resnext_bench.config.models import require_family, require_image_size
from resnext_bench.config.request import checked
from resnext_bench.errors import UsageError
from resnext_bench.reports.networks.architectures import model_rows, model_sheet
from resnext_bench.reports.networks.rooflines import roofline
from resnext_bench.resnext.devices import UnknownDevice, described
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import Architecture, formed, names, parse
from resnext_bench.resnext.roofline import Roof
from resnext_bench.resnext.spec import Form
from resnext_bench.resnext.traffic import Dtype, Layout

LEAST_RATE: Final = 1e-6
MOST_RATE: Final = 1e9
"""In TFLOP/s or GB/s: from below a microcontroller to beyond all machines together."""


def list_command(image_size: str | None, form: Format) -> int:
    """All well-known ones."""
    rows = model_rows(names(), _pixels(image_size))
    if form == "json":
        print_json(msgspec.json.encode(rows))
        return 0
    from resnext_bench.reports.render.architectures import models_sections

    left_out = [name for name in names() if name not in {row.name for row in rows}]
    show_sections(models_sections(rows, left_out), form)
    return 0


def show_command(name: str, block_form: str | None, image_size: str | None, form: Format) -> int:
    """One of them."""
    spec, size = _architecture(name, block_form), _pixels(image_size)
    require_image_size(spec, size or spec.image_size)
    sheet = model_sheet(spec, size)
    if form == "json":
        print_json(msgspec.json.encode(sheet))
        return 0
    from resnext_bench.reports.render.architectures import sheet_sections

    show_sections(sheet_sections(sheet), form)
    return 0


def roofline_command(given: Mapping[str, Any]) -> int:
    """Floors of one on a device."""
    shown = format_of(given)
    spec, size = _architecture(given["name"], given["form"]), _pixels(given["image_size"])
    layout = _one_of("--layout", given["layout"], get_args(Layout))
    roof, dtype, device, source = _roof(given)
    pixels = size or spec.image_size
    require_image_size(spec, pixels)
    top = _rows(given["top"])
    batch = int(checked({"batch_size": given["batch_size"]}, typed=False)["batch_size"])
    found = roofline(
        draw(spec, pixels),
        roof,
        model=spec.name,
        form=given["form"] or "c",
        batch=batch,
        dtype=dtype,
        layout=layout,
        device=device,
        source=source,
    )
    if shown == "json":
        print_json(msgspec.json.encode(found))
        return 0
    from resnext_bench.reports.render.architectures import roofline_sections

    show_sections(roofline_sections(found, top), shown)
    return 0


def _architecture(name: str, form: str | None) -> Architecture:
    require_family(name, "NAME", form)
    spec = parse(name)
    return formed(name, cast(Form, form), spec.classes) if form else spec


def _pixels(text: str | None) -> int | None:
    return None if text is None else int(checked({"image_size": text}, typed=False)["image_size"])


def _rows(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"--top {text}: a whole number is needed; 0 shows all rows")
    return int(text) or None


def _one_of(option: str, text: str, allowed: tuple[Any, ...]) -> Any:
    if text not in allowed:
        raise UsageError(f"{option} {text}: {', '.join(allowed)} are allowed")
    return text


def _roof(given: Mapping[str, Any]) -> tuple[Roof, Dtype, str, str]:
    """Rates, of which type, whose they are, and where they are from."""
    asked: Dtype | None = given["dtype"] and _one_of("--dtype", given["dtype"], get_args(Dtype))
    tflops, bandwidth = (_rate(f"--{name}", given[name]) for name in ("tflops", "bandwidth"))
    if given["device"] is None:
        if tflops is None or bandwidth is None:
            raise UsageError("models roofline: give --device h200, or --tflops and --bandwidth")
        roof = Roof(flop_per_s=tflops, bytes_per_s=bandwidth)
        return roof, asked or "bf16", "a device of yours", "as given"
    try:
        device = described(given["device"])
    except UnknownDevice as error:
        raise UsageError(f"--device: {error}; or give --tflops and --bandwidth") from error
    dtype = asked or ("bf16" if tflops or "bf16" in device.tflops else "fp16")
    if tflops is None and dtype not in device.tflops:
        kinds = ", ".join(device.tflops)
        raise UsageError(f"--dtype {dtype}: {device.name} has {kinds} alone")
    own = [name for name, rate in (("TFLOP/s", tflops), ("GB/s", bandwidth)) if rate]
    sources = [*([device.source] if len(own) < 2 else []), *(f"{name} as given" for name in own)]
    roof = Roof(
        flop_per_s=tflops or 1e12 * device.tflops[dtype],
        bytes_per_s=bandwidth or 1e9 * device.gb_per_s,
    )
    return roof, dtype, device.name, "; ".join(sources)


def _rate(option: str, text: str | None) -> float | None:
    """In FLOP or bytes a second."""
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not LEAST_RATE <= value <= MOST_RATE:
        raise UsageError(
            f"{option} {text}: a number from {LEAST_RATE:g} to {MOST_RATE:g} is needed"
        )
    return value * (1e12 if option == "--tflops" else 1e9)
