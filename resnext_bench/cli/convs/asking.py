"""The convolutions that a command of `convs` is asked about: a network's, or one given by hand."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from resnext_bench.cli.convs.options import BY_HAND, OF_A_NETWORK, Named
from resnext_bench.cli.terminal.outcome import say
from resnext_bench.config.models import foreign, require_family, require_image_size
from resnext_bench.convs.plans.device_names import DEFAULT
from resnext_bench.convs.plans.devices import described, from_file
from resnext_bench.convs.problems import Asked, by_hand, chosen, of_network
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.convs import OPERATIONS, PlannedDevice
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse
from resnext_bench.resnext.traffic import Dtype, Layout

_SHAPE: Final = re.compile(r"([1-9]\d{0,6})x([1-9]\d{0,6})x([1-9]\d{0,6})x([1-9]\d{0,6})")


@contextmanager
def _as_argument() -> Iterator[None]:
    """Let refusals of a model name the argument that these commands take, not an option."""
    try:
        yield
    except (UsageError, CannotHere) as error:
        words = str(error)
        if not words.startswith("--model"):
            raise
        raise type(error)(f"MODEL{words.removeprefix('--model')}") from error


@_as_argument()
def asked_of(
    problems: Named, machine: Machine, *, batch: int, dtype: Dtype, layout: Layout
) -> list[Asked]:
    """Return the convolutions that the options name, or raise UsageError.

    `batch` is the number of images where none is given.
    """
    if problems["shape"]:
        return [_by_hand(problems, dtype, layout)]
    for name in BY_HAND:
        if problems[name] is not None:
            raise UsageError(f"--{name} belongs to --shape; add it, or leave --{name} out")
    model = problems["model"]
    if model is None:
        raise UsageError("name a network, such as resnext50_32x4d, or give --shape")
    everything = problems["everything"] or problems["layer"] is not None
    images = problems["batch_size"] or batch
    if foreign(model):
        from resnext_bench.convs.seen import of_model

        found = of_model(
            model,
            problems["image_size"],
            machine,
            batch=images,
            dtype=dtype,
            layout=layout,
            everything=everything,
            tell=say,
        )
    else:
        size = image_size_of(problems)
        spec = parse(model)
        require_image_size(spec, size)
        found = of_network(
            draw(spec, size), batch=images, dtype=dtype, layout=layout, everything=everything
        )
    return chosen(found, problems["layer"])


@_as_argument()
def image_size_of(problems: Named) -> int:
    """Return the side of the images of a network of ours; 0 for other models, and by hand."""
    model = problems["model"]
    if problems["shape"] or model is None or foreign(model):
        return 0
    require_family(model)
    return problems["image_size"] or parse(model).image_size


def device_of(given: Mapping[str, Any]) -> PlannedDevice:
    """Return the device that the options describe, or raise UsageError."""
    key, path = given["device"], given["device_description"]
    if key and path:
        raise UsageError("--device and --device-description exclude each other; give one of them")
    return from_file(path) if path else described(key or DEFAULT).planned()


def operations_of(given: str | None) -> tuple[Operation, ...]:
    """Return the operations that an option names: on a command line a blank would need quotes."""
    return tuple(one for one in OPERATIONS if given in (None, one.replace(" ", "-")))


def _by_hand(problems: Named, dtype: Dtype, layout: Layout) -> Asked:
    if problems["model"]:
        raise UsageError("--shape describes one convolution; leave MODEL out")
    for name, (_, default) in OF_A_NETWORK.items():
        if problems[name] != default:
            option = "all" if name == "everything" else name.replace("_", "-")
            raise UsageError(f"--{option} belongs to a network; leave it out beside --shape")
    shape = _SHAPE.fullmatch(problems["shape"])
    if shape is None:
        raise UsageError(
            f"--shape {problems['shape']}: give batch, channels, height and width, each at least "
            "1, as in 256x128x56x56"
        )
    batch, channels, height, width = map(int, shape.groups())
    return by_hand(
        (batch, channels, height, width),
        filters=problems["filters"] or channels,
        groups=problems["groups"] or 1,
        kernel=problems["kernel"] or 3,
        stride=problems["stride"] or 1,
        padding=problems["padding"],
        dtype=dtype,
        layout=layout,
    )
