"""The bytes that a training step moves, layer by layer, under a stated model of caches (no torch).

The model: a kernel reads each operand from memory once and writes each result once, and nothing
stays in a cache from one kernel to the next. That is a floor for the kernel, but not for a fusion
of several. Each layer is a kernel of its own, as in eager PyTorch. Batch norm's two passes over its
input count as one. Under autocast a map in fp32, as of images and of local response norm, is read
by a kernel that writes the narrow copy which a convolution reads. In NCHW a convolution in bf16 or
fp16 also transposes each map on its way in and out, as cuDNN's tensor-core kernels work in NHWC: a
map is then moved three times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from resnext_bench.resnext.layers import FP32, IMAGES, Layer, map_widths
from resnext_bench.resnext.optimizers import OPTIMIZERS

Dtype = Literal["fp32", "tf32", "bf16", "fp16"]
Layout = Literal["nhwc", "nchw"]

WIDTH: Final[dict[Dtype, int]] = {"fp32": 4, "tf32": 4, "bf16": 2, "fp16": 2}
"""Bytes of a value of a feature map; parameters are always fp32, with copies under autocast."""
_INDEX: Final = 8
_MASK: Final = 1
_TRANSPOSED: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """The bytes that one layer moves, by direction, for a whole batch."""

    forward: int
    input_gradient: int
    weight_gradient: int = 0


def traffic(
    layers: Sequence[Layer], batch: int, dtype: Dtype, layout: Layout = "nhwc"
) -> tuple[Traffic, ...]:
    """Return the bytes that every layer moves, in their order."""
    readers = _readers(layers)
    widths = map_widths(layers, WIDTH[dtype])
    found = []
    for place, layer in enumerate(layers):
        reads, gives = widths[layer.reads[0]], widths[place]
        if layer.kind in ("conv", "linear"):
            own = _products(layer, batch, dtype, layout, reads)
        else:
            own = _pointwise(layer, batch, reads, gives)
        # What several layers read gets the sum of their gradients: two maps in, one out, each time.
        summed = 3 * max(0, readers[place] - 1) * batch * gives * layer.leaving.elements
        found.append(
            Traffic(
                forward=own.forward,
                input_gradient=own.input_gradient + summed,
                weight_gradient=own.weight_gradient,
            )
        )
    return tuple(found)


def optimizer_traffic(layers: Sequence[Layer], optimizer: str) -> int:
    """Return the bytes that an update of all parameters reads and writes in one kernel."""
    return OPTIMIZERS[optimizer].moved_values * FP32 * sum(layer.parameters for layer in layers)


def _readers(layers: Sequence[Layer]) -> list[int]:
    """Return how many layers read the output of each layer."""
    counts = [0] * len(layers)
    for layer in layers:
        for read in {*layer.reads} - {IMAGES}:
            counts[read] += 1
    return counts


def _products(layer: Layer, batch: int, dtype: Dtype, layout: Layout, reads: int) -> Traffic:
    """Return the traffic of a convolution or linear layer.

    `reads` are the bytes of an input's value before any cast.
    """
    width = WIDTH[dtype]
    copied = (reads + width) * batch * layer.entering.elements if reads != width else 0
    transposed = layer.kind == "conv" and layout == "nchw" and width < FP32
    each = batch * width * (_TRANSPOSED if transposed else 1)
    entering, leaving = each * layer.entering.elements, each * layer.leaving.elements
    weights = width * layer.parameters
    # Under autocast a weight is read in fp32 and written narrow, its gradient the other way round.
    cast = (width + FP32) * layer.parameters if width < FP32 else 0
    return Traffic(
        forward=entering + leaving + weights + cast + copied,
        input_gradient=entering + leaving + weights + copied if layer.has_input_gradient else 0,
        weight_gradient=entering + leaving + weights + cast,
    )


def _pointwise(layer: Layer, batch: int, reads: int, gives: int) -> Traffic:
    """Return the traffic of a layer without products; `reads`, `gives` are bytes of a value."""
    entering = batch * reads * layer.entering.elements
    leaving = batch * gives * layer.leaving.elements
    parameters = FP32 * layer.parameters
    match layer.kind:
        case "norm":
            return Traffic(
                forward=2 * leaving + parameters,
                input_gradient=3 * leaving + parameters,
                weight_gradient=parameters,
            )
        case "lrn":
            return Traffic(forward=entering + leaving, input_gradient=2 * entering + leaving)
        case "relu":
            return Traffic(forward=2 * leaving, input_gradient=3 * leaving)
        case "add":
            return Traffic(forward=3 * leaving, input_gradient=0)
        case "concat":
            return Traffic(forward=2 * leaving, input_gradient=0)
        case "dropout":
            mask = _MASK * batch * layer.leaving.elements
            each = 2 * leaving + mask
            return Traffic(forward=each, input_gradient=each)
        case "max_pool":
            indices = _INDEX * batch * layer.leaving.elements
            each = entering + leaving + indices
            return Traffic(forward=each, input_gradient=each)
        case _:
            return Traffic(forward=entering + leaving, input_gradient=entering + leaving)
