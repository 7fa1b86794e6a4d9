"""A call of a convolution: shape, groups, memory formats, FLOPs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import prod

from resnext_bench.reports.trace.names.arguments import Sizes


class Kind(StrEnum):
    """Direction of a convolution."""

    FORWARD = "forward"
    INPUT = "input gradient"
    WEIGHT = "weight gradient"
    BACKWARD = "backward"
    """Both gradients in one operator."""
    UNDETERMINED = "undetermined"
    """A gradient of the input or of the weight: neither names nor the order of launches tell."""


@dataclass(frozen=True, kw_only=True)
class Conv:
    """Shape, type and memory formats of a call."""

    batch: int
    channels: int
    size: Sizes
    """Of the input, one to three dimensions."""
    filters: int
    window: Sizes
    stride: Sizes | None
    """None where the trace has no concrete inputs."""
    groups: int
    transposed: bool
    out: Sizes | None
    """Size of the output; None where it cannot be known."""
    dtype: str
    """bf16, fp16, fp32, fp64; two of them where input and weight differ."""
    input_format: str
    """NHWC, NCHW, either (one channel or one pixel), other, or unknown (no strides recorded)."""
    weight_format: str
    gradients: tuple[bool, bool] | None
    """Of input and weight, which a backward call was asked for; None where it is not told."""

    def flops(self, kind: Kind) -> int | None:
        """FLOP of the call in one direction, a multiplication and an addition being two.

        2 N x out x filters x (channels / groups) x window: the same number in each direction; the
        bias is left out. None where the output's size is not known, or which gradients these are.
        """
        places = self.size if self.transposed else self.out
        times = self._times(kind)
        if places is None or times is None:
            return None
        per_place = self.channels // self.groups * self.filters * prod(self.window)
        return 2 * self.batch * prod(places) * per_place * times

    def _times(self, kind: Kind) -> int | None:
        """Return how many of the three directions' products one of them is."""
        if kind is Kind.BACKWARD:
            return None if self.gradients is None else sum(self.gradients)
        return None if kind is Kind.UNDETERMINED else 1


def with_outputs(convs: Sequence[Conv]) -> tuple[Conv, ...]:
    """Sizes of outputs that some calls do not tell, from calls of the same shape that agree.

    Older profilers record no strides and paddings, so that a forward call does not tell; the
    gradient that its backward call was given has the size of the output.
    """
    known: dict[tuple[object, ...], set[Sizes]] = defaultdict(set)
    for one in convs:
        if one.out is not None:
            known[_shape(one)].add(one.out)
    return tuple(_with_output(one, known.get(_shape(one), set())) for one in convs)


def _with_output(conv: Conv, known: set[Sizes]) -> Conv:
    if conv.out is not None or len(known) != 1:
        return conv
    (out,) = known
    return replace(conv, out=out)


def _shape(conv: Conv) -> tuple[object, ...]:
    return conv.batch, conv.channels, conv.size, conv.filters, conv.window, conv.groups


def memory_format(size: Sizes | None, strides: Sizes | None) -> str:
    """As torch's `is_contiguous(memory_format=...)` has it: dimensions of one do not matter."""
    if size is None or strides is None or len(size) != len(strides) or not 3 <= len(size) <= 5:
        return "unknown"
    dimensions = range(2, len(size))
    last = _laid_out(size, strides, (1, *reversed(dimensions), 0))
    first = _laid_out(size, strides, (*reversed(dimensions), 1, 0))
    if last and first:
        return "either"
    inner = {3: "L", 4: "HW", 5: "DHW"}[len(size)]
    return f"N{inner}C" if last else f"NC{inner}" if first else "other"


def _laid_out(size: Sizes, strides: Sizes, order: Sequence[int]) -> bool:
    """Whether memory runs through the dimensions in this order, the fastest first."""
    expected = 1
    for dimension in order:
        if size[dimension] != 1 and strides[dimension] != expected:
            return False
        expected *= size[dimension]
    return True


def label(conv: Conv) -> str:
    """Short, for tables: `128@56 → 128 3x3/2 g32x4 n8`: 32 groups of 4 channels, batch 8."""
    stride = ""
    if conv.stride and set(conv.stride) != {1}:
        stride = f"/{_edge(conv.stride)}"
    groups = f" g{conv.groups}x{conv.channels // conv.groups}" if conv.groups > 1 else ""
    kind = " transposed" if conv.transposed else ""
    window = "x".join(map(str, conv.window))
    return (
        f"{conv.channels}@{_edge(conv.size)} → {conv.filters} {window}{stride}{groups}{kind} "
        f"n{conv.batch}"
    )


def _edge(size: Sizes) -> str:
    return str(size[0]) if len(set(size)) == 1 else "x".join(map(str, size))
