"""Convolutions by hand in float64, with which a library's kernels are compared.

Each tap of the window is a product of small matrices over all places at once, so that no part of
cuDNN or oneDNN is involved.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch

from resnext_bench.convs.measuring.checks import TYPES
from resnext_bench.reports.schema.convs import Convolution
from resnext_bench.resnext.convolutions import Operation

_SLICE: Final = 2**26
"""Number of values in a slice of the batch, which limits the memory that float64 takes in
addition."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tensors:
    """The tensors of one convolution, in NCHW."""

    convolution: Convolution
    images: torch.Tensor
    """Input of the convolution: [batch, channels, height, width]."""
    weight: torch.Tensor
    """Weights: [filters, channels / groups, height and width of the window]."""
    gradient: torch.Tensor
    """Gradient of the output: [batch, filters, out height, out width]."""


def tensors(
    convolution: Convolution, device: torch.device, dtype: torch.dtype | None = None
) -> Tensors:
    """Return noise; weights are scaled so that the output has the variance of the input."""
    draw = torch.Generator(device).manual_seed(0)
    type_ = TYPES[convolution.dtype] if dtype is None else dtype

    def noise(shape: tuple[int, ...]) -> torch.Tensor:
        return torch.randn(shape, generator=draw, device=device)

    weight = noise(convolution.weights)
    return Tensors(
        convolution=convolution,
        images=noise(convolution.images).to(type_),
        weight=(weight / weight[0].numel() ** 0.5).to(type_),
        gradient=noise(convolution.outputs).to(type_),
    )


def exact(asked: Tensors, operation: Operation) -> torch.Tensor:
    """Return the result in float64, from the values as they are in their own type."""
    if operation == "forward":
        return torch.cat([_forward(asked, *pair) for pair in _slices(asked)])
    if operation == "input gradient":
        return torch.cat([_input_gradient(asked, *pair) for pair in _slices(asked)])
    parts = [_weight_gradient(asked, *pair) for pair in _slices(asked)]
    return torch.stack(parts).sum(0)


def _slices(asked: Tensors) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield images and gradients, a slice of the batch at a time, in float64."""
    count = max(1, _SLICE // asked.images[0].numel())
    for one, other in zip(asked.images.split(count), asked.gradient.split(count), strict=True):
        yield one.double(), other.double()


def _padded(asked: Tensors, images: torch.Tensor) -> torch.Tensor:
    height, width = asked.convolution.padding
    return torch.nn.functional.pad(images, [width, width, height, height])


def _taps(asked: Tensors) -> Iterator[tuple[int, int, torch.Tensor]]:
    """Yield row and column of each tap, and its weights [groups, out, in] in float64."""
    conv = asked.convolution
    weight = asked.weight.double().unflatten(0, (conv.groups, -1))
    for row in range(conv.kernel[0]):
        for column in range(conv.kernel[1]):
            yield row, column, weight[..., row, column]


def _seen(asked: Tensors, padded: torch.Tensor, row: int, column: int) -> torch.Tensor:
    """Return what a tap sees at all places, as a view: [batch, groups, in, out size, out size]."""
    conv = asked.convolution

    def places(tap: int, axis: int) -> slice:
        begin, step = tap * conv.dilation[axis], conv.stride[axis]
        return slice(begin, begin + step * (conv.outputs[2 + axis] - 1) + 1, step)

    seen: torch.Tensor = padded[:, :, places(row, 0), places(column, 1)].unflatten(
        1, (conv.groups, -1)
    )
    return seen


def _forward(asked: Tensors, images: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    padded = _padded(asked, images)
    found = sum(
        torch.einsum("ngihw,goi->ngohw", _seen(asked, padded, row, column), weights)
        for row, column, weights in _taps(asked)
    )
    assert isinstance(found, torch.Tensor)
    return found.flatten(1, 2)


def _input_gradient(asked: Tensors, images: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    conv = asked.convolution
    padded = torch.zeros_like(_padded(asked, images))
    grouped = given.unflatten(1, (conv.groups, -1))
    for row, column, weights in _taps(asked):
        seen = _seen(asked, padded, row, column)
        seen += torch.einsum("ngohw,goi->ngihw", grouped, weights)
    (top, left), (height, width) = conv.padding, conv.images[2:]
    return padded[:, :, top : top + height, left : left + width]


def _weight_gradient(asked: Tensors, images: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    padded = _padded(asked, images)
    conv = asked.convolution
    grouped = given.unflatten(1, (conv.groups, -1))
    found = torch.empty(conv.weights, dtype=torch.float64, device=images.device)
    by_group = found.unflatten(0, (conv.groups, -1))
    for row, column, _ in _taps(asked):
        seen = _seen(asked, padded, row, column)
        by_group[..., row, column] = torch.einsum("ngohw,ngihw->goi", grouped, seen)
    return found
