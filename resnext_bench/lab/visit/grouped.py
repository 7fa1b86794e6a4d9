"""Grouped convolutions by hand in float64, with which a library's kernels are compared.

Each tap of the window is a product of small matrices over all places at once, so that no part of
cuDNN is involved.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, get_args

import torch

from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.layers import Layer

Direction = Operation
DIRECTIONS: Final[tuple[Direction, ...]] = get_args(Direction)
_SLICE: Final = 2**26
"""Number of values in a slice of the batch, which limits the memory that float64 takes in
addition."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """The tensors of one convolution, and its shape."""

    layer: Layer
    images: torch.Tensor
    """Input of the convolution: [batch, channels, size, size]."""
    weight: torch.Tensor
    """Weights: [out channels, channels / groups, kernel, kernel]."""
    gradient: torch.Tensor
    """Gradient of the output: [batch, out channels, out size, out size]."""

    @property
    def padding(self) -> int:
        """Pixels around the images."""
        return self.layer.padding


def problem(layer: Layer, batch: int, dtype: torch.dtype, device: torch.device) -> Problem:
    """Return noise; weights are scaled so that the output has the variance of the input."""
    draw = torch.Generator(device).manual_seed(0)
    width = layer.entering.channels // layer.groups

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=draw, device=device)

    weight = noise(layer.leaving.channels, width, layer.kernel, layer.kernel)
    size, out = layer.entering.size, layer.leaving.size
    return Problem(
        layer=layer,
        images=noise(batch, layer.entering.channels, size, size).to(dtype),
        weight=(weight / (width * layer.kernel**2) ** 0.5).to(dtype),
        gradient=noise(batch, layer.leaving.channels, out, out).to(dtype),
    )


def exact(asked: Problem, direction: Direction) -> torch.Tensor:
    """Return the result in float64, from the values as they are in their own type."""
    if direction == "forward":
        return torch.cat([_forward(asked, *pair) for pair in _slices(asked)])
    if direction == "input gradient":
        return torch.cat([_input_gradient(asked, *pair) for pair in _slices(asked)])
    parts = [_weight_gradient(asked, *pair) for pair in _slices(asked)]
    return torch.stack(parts).sum(0)


def _slices(asked: Problem) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield images and gradients, a slice of the batch at a time, in float64."""
    count = max(1, _SLICE // asked.images[0].numel())
    for one, other in zip(asked.images.split(count), asked.gradient.split(count), strict=True):
        yield one.double(), other.double()


def _padded(asked: Problem, images: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.pad(images, [asked.padding] * 4)


def _taps(asked: Problem) -> Iterator[tuple[int, int, torch.Tensor]]:
    """Yield row and column of each tap, and its weights [groups, out, in] in float64."""
    layer = asked.layer
    weight = asked.weight.double().unflatten(0, (layer.groups, -1))
    for row in range(layer.kernel):
        for column in range(layer.kernel):
            yield row, column, weight[..., row, column]


def _seen(asked: Problem, padded: torch.Tensor, row: int, column: int) -> torch.Tensor:
    """Return what a tap sees at all places, as a view: [batch, groups, in, out size, out size]."""
    layer = asked.layer
    length = layer.stride * (layer.leaving.size - 1) + 1
    rows = slice(row, row + length, layer.stride)
    columns = slice(column, column + length, layer.stride)
    seen: torch.Tensor = padded[:, :, rows, columns].unflatten(1, (layer.groups, -1))
    return seen


def _forward(asked: Problem, images: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    padded = _padded(asked, images)
    found = sum(
        torch.einsum("ngihw,goi->ngohw", _seen(asked, padded, row, column), weights)
        for row, column, weights in _taps(asked)
    )
    assert isinstance(found, torch.Tensor)
    return found.flatten(1, 2)


def _input_gradient(asked: Problem, images: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    padded = torch.zeros_like(_padded(asked, images))
    grouped = given.unflatten(1, (asked.layer.groups, -1))
    for row, column, weights in _taps(asked):
        seen = _seen(asked, padded, row, column)
        seen += torch.einsum("ngohw,goi->ngihw", grouped, weights)
    edge = asked.padding
    size = asked.layer.entering.size
    return padded[:, :, edge : edge + size, edge : edge + size]


def _weight_gradient(asked: Problem, images: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    padded = _padded(asked, images)
    grouped = given.unflatten(1, (asked.layer.groups, -1))
    found = torch.empty(asked.weight.shape, dtype=torch.float64, device=images.device)
    by_group = found.unflatten(0, (asked.layer.groups, -1))
    for row, column, _ in _taps(asked):
        seen = _seen(asked, padded, row, column)
        by_group[..., row, column] = torch.einsum("ngohw,ngihw->goi", grouped, seen)
    return found
