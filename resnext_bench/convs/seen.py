"""The convolutions of models that are not ours, as a process of its own sees them at work."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from resnext_bench.config.lookup import require_found
from resnext_bench.config.models import require_model
from resnext_bench.config.resolve import resolve
from resnext_bench.convs.problems import Asked
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.logs import last_line
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.config import Request, RunConfig
from resnext_bench.reports.schema.convs import OPERATIONS, Convolution, SeenConvolution
from resnext_bench.resnext.traffic import Dtype, Layout
from resnext_bench.wording import count_of

IMAGE_SIZE: Final = 224
"""Side of the images where none is given: that of most papers."""
_NAMED: Final = 5
"""Most layers that are named where they are left out."""
PATIENCE_S: Final = 300.0
"""Time that building a model and one small batch may take, s."""


def of_model(
    model: str,
    image_size: int | None,
    machine: Machine,
    *,
    batch: int,
    dtype: Dtype,
    layout: Layout,
    everything: bool,
    tell: Callable[[str], None] = lambda text: None,
) -> list[Asked]:
    """Return the convolutions with groups of a model by name; all where it has none, or on demand.

    What is not a convolution of maps in two dimensions is left out, which `tell` is told.
    """
    require_model(model)
    require_found(model)
    request: Request = {
        "model": model,
        "image_size": image_size or IMAGE_SIZE,
        **{"pipeline": "synthetic", "device": "cpu", "batch_size": 2},
    }
    seen = _look(resolve(request, machine, None).config)
    plain = [one for one in seen if not _kind(one)]
    if others := _others(seen):
        tell(f"note: left out are {others}; only convolutions in two dimensions are looked at")
    if not plain:
        raise UsageError(f"MODEL {model}: it has no convolution in two dimensions")
    grouped = [one for one in plain if one.groups > 1]
    return list(_alike(plain if everything or not grouped else grouped, batch, dtype, layout))


def _kind(one: SeenConvolution) -> str:
    """Say what is not looked at; empty for a convolution in two dimensions."""
    if one.is_transposed:
        return "transposed"
    dimensions = len(one.images) - 2
    return "" if dimensions == 2 else f"in {count_of(dimensions, 'dimension')}"


def _others(seen: Sequence[SeenConvolution]) -> str:
    """Name the layers that are left out, the first of them if they are many, and why."""
    found = list(dict.fromkeys(f"{one.layer} ({kind})" for one in seen if (kind := _kind(one))))
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(found[:_NAMED]) + more


def _look(config: RunConfig) -> list[SeenConvolution]:
    try:
        done = subprocess.run(
            (sys.executable, "-m", "resnext_bench.worker.shapes"),
            input=msgspec.json.encode(config),
            capture_output=True,
            timeout=PATIENCE_S,
            env=os.environ | {"PYTHONSAFEPATH": "1", "CUDA_VISIBLE_DEVICES": ""},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotHere(
            f"{config.model}: a batch of two images took more than {PATIENCE_S:.0f} s; give a "
            "smaller --image-size"
        ) from error
    if done.returncode:
        words = last_line(done.stderr.decode(errors="replace").splitlines())
        told = words.removeprefix(f"--model {config.model}: ") or "it said nothing"
        raise UsageError(f"MODEL {config.model}: {told}")
    return msgspec.json.decode(done.stdout, type=list[SeenConvolution])


def _alike(
    seen: Sequence[SeenConvolution], batch: int, dtype: Dtype, layout: Layout
) -> Iterator[Asked]:
    """Yield each convolution once, with all layers that are the same one."""
    same: dict[tuple[object, ...], list[SeenConvolution]] = {}
    for one in seen:
        shape = (one.images, one.weights, one.stride, one.padding, one.dilation, one.groups)
        same.setdefault((*shape, one.reads_images), []).append(one)
    for group in same.values():
        first = group[0]
        count, channels, height, width = first.images
        filters, _, *kernel = first.weights
        yield Asked(
            convolution=Convolution(
                layers=tuple(one.layer or "unnamed" for one in group),
                images=(batch * count // 2, channels, height, width),
                filters=filters,
                groups=first.groups,
                kernel=(kernel[0], kernel[1]),
                stride=(first.stride[0], first.stride[1]),
                padding=(first.padding[0], first.padding[1]),
                dilation=(first.dilation[0], first.dilation[1]),
                dtype=dtype,
                layout=layout,
            ),
            operations=tuple(
                one for one in OPERATIONS if one != "input gradient" or not first.reads_images
            ),
        )
