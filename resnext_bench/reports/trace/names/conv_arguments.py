"""What the profiler records of a convolution: arguments of one operator, as raw JSON.

Operators nest: conv2d > convolution > _convolution > cudnn_convolution. The call is taken to be
`aten::convolution`: autocast has cast its inputs, its arguments are complete, and all kernels of
the convolution are below it, layout transforms included. Backward it is
`aten::convolution_backward`, in older versions of PyTorch one operator of each library.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from resnext_bench.reports.trace.names.arguments import Arguments, Sizes
from resnext_bench.reports.trace.names.convs import Conv, memory_format


@dataclass(frozen=True, kw_only=True)
class _Places:
    """Where in its arguments an operator has what; None: nowhere."""

    input: int
    weight: int
    gradient: int | None = None
    stride: int
    padding: int
    dilation: int
    groups: int
    transposed: int | None = None
    output_padding: int | None = None
    wanted: int | None = None


def _of_library(**places: Any) -> _Places:
    """Operators of cuDNN, MIOpen and oneDNN have the padding before the stride."""
    return _Places(padding=3, stride=4, dilation=5, groups=6, **places)


_LIBRARIES: Final = ("cudnn", "miopen", "mkldnn")
_PLACES: Final[Mapping[str, _Places]] = {
    "aten::convolution": _Places(
        input=0,
        weight=1,
        stride=3,
        padding=4,
        dilation=5,
        transposed=6,
        output_padding=7,
        groups=8,
    ),
    "mkldnn::_convolution_pointwise": _of_library(input=0, weight=1),
    "aten::convolution_backward": _Places(
        gradient=0,
        input=1,
        weight=2,
        stride=4,
        padding=5,
        dilation=6,
        transposed=7,
        groups=9,
        wanted=10,
    ),
    # Before PyTorch 1.12 each library had backward operators of its own.
    **{
        f"aten::{library}_convolution_backward": _of_library(input=0, gradient=1, weight=2)
        for library in _LIBRARIES
    },
}
"""From native_functions.yaml of PyTorch 1.8 to 2.15."""

CALLS: Final = frozenset(_PLACES)
"""Operators that are a call of a convolution each."""


def read(name: str, dims: bytes, strides: bytes, types: bytes, inputs: bytes) -> Conv | None:
    """The call in the arguments of one operator, as raw JSON; None where they say too little.

    `dims` is "Input Dims", then "Input Strides", "Input type" and "Concrete Inputs"; b"" for what
    is not recorded.
    """
    places = _PLACES.get(name)
    if places is None:
        return None
    return _conv(places, Arguments.read((dims, strides, types, inputs)))


def _conv(places: _Places, given: Arguments) -> Conv | None:
    data, weight = given.sizes(places.input), given.sizes(places.weight)
    if not data or not weight or len(data) != len(weight) or not 3 <= len(data) <= 5:
        return None
    transposed = given.numbers(places.transposed) == (1,)
    groups = _groups(data, weight, given.numbers(places.groups), transposed=transposed)
    if groups is None:
        return None
    filters = weight[1] * groups if transposed else weight[0]
    stride = _spread(given.numbers(places.stride), len(data) - 2)
    wanted = given.numbers(places.wanted)
    gradient = given.sizes(places.gradient)
    return Conv(
        batch=data[0],
        channels=data[1],
        size=data[2:],
        filters=filters,
        window=weight[2:],
        stride=stride,
        groups=groups,
        transposed=transposed,
        out=gradient[2:]
        if gradient and len(gradient) == len(data)
        else _out(places, given, data[2:], weight[2:], stride, transposed=transposed),
        dtype=given.types_of(places.input, places.weight),
        input_format=_format(given, places.input),
        weight_format=_format(given, places.weight),
        gradients=(bool(wanted[0]), bool(wanted[1])) if wanted and len(wanted) == 3 else None,
    )


def _format(given: Arguments, place: int) -> str:
    """Return how a tensor lies in memory."""
    return memory_format(given.sizes(place), given.steps(place))


def _groups(data: Sizes, weight: Sizes, told: Sizes | None, *, transposed: bool) -> int | None:
    """As told, else as sizes say; None where they contradict each other."""
    if 0 in (*data[1:], *weight):
        return None
    groups = told[0] if told and len(told) == 1 else data[1] // weight[1]
    inputs = weight[0] if transposed else weight[1] * groups
    fits = groups > 0 and inputs == data[1] and weight[0] % groups == 0
    return groups if fits else None


def _out(
    places: _Places,
    given: Arguments,
    size: Sizes,
    window: Sizes,
    stride: Sizes | None,
    *,
    transposed: bool,
) -> Sizes | None:
    """By the formula of torch.nn.Conv2d; of a transposed one it is not needed."""
    padding = _spread(given.numbers(places.padding), len(size))
    dilation = _spread(given.numbers(places.dilation), len(size))
    if stride is None or padding is None or dilation is None or transposed or 0 in stride:
        return None
    places_ = zip(size, window, stride, padding, dilation, strict=True)
    out = tuple((n + 2 * pad - gap * (k - 1) - 1) // by + 1 for n, k, by, pad, gap in places_)
    return out if all(one > 0 for one in out) else None


def _spread(numbers: Sizes | None, dimensions: int) -> Sizes | None:
    if numbers is not None and len(numbers) == 1:
        return numbers * dimensions
    return numbers if numbers is not None and len(numbers) == dimensions else None
