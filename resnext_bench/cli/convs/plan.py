"""`convs plan`: what cuDNN offers for each convolution, and what PyTorch would take."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.outcome import Pardon, conclude, say
from resnext_bench.config.models import foreign, require_family, require_image_size
from resnext_bench.convs.devices import described, from_file
from resnext_bench.convs.planning import device_here
from resnext_bench.convs.problems import Asked, by_hand, chosen, of_network
from resnext_bench.convs.record import Order, planned
from resnext_bench.errors import NotKept, UsageError, is_of_the_environment
from resnext_bench.machine.inventory import Machine, inspect
from resnext_bench.reports.schema.convs import PlannedDevice
from resnext_bench.reports.store import runs
from resnext_bench.reports.store.files import write_atomically
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse

DEVICE: Final = "h200"
BATCH: Final = 256
_SHAPE: Final = re.compile(r"([1-9]\d{0,6})x([1-9]\d{0,6})x([1-9]\d{0,6})x([1-9]\d{0,6})")
_BY_HAND: Final = ("filters", "groups", "kernel", "stride", "padding")
_OF_A_NETWORK: Final = ("layer", "batch_size", "image_size")


def plan_command(given: Mapping[str, Any]) -> int:
    """Plan, store, show; or write the description of the GPU that is here."""
    if given["save_device"]:
        return _save_device(given["save_device"])
    form: Format = given["form"]
    machine = inspect("cpu")
    order = Order(
        model=given["model"] or "",
        asked=_asked(given, machine),
        device=_device(given),
        benchmark_limit=given["cudnn_benchmark_limit"],
        deterministic=given["cudnn_deterministic"],
        command=tuple(sys.argv[1:]),
    )
    record = planned(order, "", machine)
    try:
        folder = runs.create(runs.runs_folder(given["output"]), f"convs_{order.model or 'given'}")
        record = msgspec.structs.replace(record, id=folder.name)
        runs.save(folder, record)
    except OSError as error:
        if not is_of_the_environment(error):
            raise
        raise NotKept(record, error) from error
    return conclude(record, form, Pardon())


def _save_device(path: Path) -> int:
    found = device_here()
    write_atomically(path, msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    say(f"{path}: the description of {found.get('deviceName', 'the GPU')}")
    return 0


def _device(given: Mapping[str, Any]) -> PlannedDevice:
    key, path = given["device"], given["device_description"]
    if key and path:
        raise UsageError("--device and --device-description exclude each other; give one of them")
    return from_file(path) if path else described(key or DEVICE).planned()


def _asked(given: Mapping[str, Any], machine: Machine) -> list[Asked]:
    if given["shape"]:
        return [_by_hand(given)]
    for name in _BY_HAND:
        if given[name] is not None:
            raise UsageError(f"--{name} belongs to --shape; add it, or leave --{name} out")
    model = given["model"]
    if model is None:
        raise UsageError("convs plan: name a network, such as resnext50_32x4d, or give --shape")
    everything = given["everything"] or given["layer"] is not None
    wanted: dict[str, Any] = {"batch": given["batch_size"] or BATCH, "everything": everything}
    wanted |= {name: given[name] for name in ("dtype", "layout")}
    if foreign(model):
        from resnext_bench.convs.seen import of_model

        found = of_model(model, given["image_size"], machine, **wanted)
    else:
        require_family(model)
        spec = parse(model)
        size = given["image_size"] or spec.image_size
        require_image_size(spec, size)
        found = of_network(draw(spec, size), **wanted)
    return chosen(found, given["layer"])


def _by_hand(given: Mapping[str, Any]) -> Asked:
    if given["model"]:
        raise UsageError("--shape describes one convolution; leave MODEL out")
    for name in _OF_A_NETWORK:
        if given[name] is not None:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} belongs to a network; leave it out beside --shape")
    shape = _SHAPE.fullmatch(given["shape"])
    if shape is None:
        raise UsageError(
            f"--shape {given['shape']}: give batch, channels, height and width, as in 256x128x56x56"
        )
    batch, channels, height, width = map(int, shape.groups())
    return by_hand(
        (batch, channels, height, width),
        filters=given["filters"] or channels,
        groups=given["groups"] or 1,
        kernel=given["kernel"] or 3,
        stride=given["stride"] or 1,
        padding=given["padding"],
        dtype=given["dtype"],
        layout=given["layout"],
    )
