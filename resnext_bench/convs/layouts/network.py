"""A network as regions that have a layout, and the maps between them that may be converted.

Convolutions, norms and pools choose a layout for what they read, and return it; activations, sums
and concatenations take that of their inputs, so that all maps of a sum belong to one region. The
residual maps of a stage are one, as each block adds to the one before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from resnext_bench.config.layouts import WITH_LAYOUT
from resnext_bench.resnext.layers import FP32, IMAGES, Kind, Layer, Map, map_widths
from resnext_bench.resnext.traffic import WIDTH, Dtype

_IN_LAYOUT: Final[tuple[Kind, ...]] = (*WITH_LAYOUT, "relu", "add", "concat", "dropout")
"""Layers that work on maps, unless they follow a linear layer, which returns a row of values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What a layer with a layout computes, as far as its time depends on it.

    Layers that are alike share one.
    """

    kind: Kind
    entering: Map
    leaving: Map
    kernel: int
    stride: int
    padding: int
    groups: int
    bias: bool
    dtype: Dtype
    """Type of what a convolution computes in; of another layer's input."""
    has_input_gradient: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """A map that is converted: its size for one image, and its type."""

    map: Map
    dtype: Dtype


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A map that a layer of one region reads from another."""

    source: int
    target: int
    moved: Moved
    has_gradient: bool
    """Whether a gradient comes back the same way: not to the images."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Regions:
    """The regions of a network; the first is that of the images."""

    layers: tuple[tuple[str, ...], ...]
    """Names of the layers of each region that have a layout of their own."""
    works: tuple[tuple[Work, ...], ...]
    """What these compute."""
    passages: tuple[Passage, ...]


def regions_of(layers: Sequence[Layer], dtype: Dtype) -> Regions:
    """Return the regions of a network that computes in this type: under autocast, if narrow."""
    place_of = _places(layers)
    widths = map_widths(layers, WIDTH[dtype])
    count = 1 + max(place_of.values())
    names: list[list[str]] = [[] for _ in range(count)]
    works: list[list[Work]] = [[] for _ in range(count)]
    for place, layer in enumerate(layers):
        if layer.kind in WITH_LAYOUT:
            names[place_of[place]].append(layer.name)
            works[place_of[place]].append(_work(layer, _type(widths[layer.reads[0]], dtype), dtype))
    return Regions(
        layers=tuple(map(tuple, names)),
        works=tuple(map(tuple, works)),
        passages=tuple(_passages(layers, place_of, widths, dtype)),
    )


def _type(width: int, dtype: Dtype) -> Dtype:
    return "fp32" if width == FP32 else dtype


def _work(layer: Layer, reads: Dtype, dtype: Dtype) -> Work:
    return Work(
        kind=layer.kind,
        entering=layer.entering,
        leaving=layer.leaving,
        kernel=layer.kernel,
        stride=layer.stride,
        padding=layer.padding,
        groups=layer.groups,
        bias=layer.bias,
        dtype=dtype if layer.kind == "conv" else reads,
        has_input_gradient=layer.has_input_gradient,
    )


def _places(layers: Sequence[Layer]) -> dict[int, int]:
    """Return the region of each map by its place; that of the images is 0."""
    root = {IMAGES: IMAGES}
    for place, layer in enumerate(layers):
        if layer.kind not in _IN_LAYOUT or layer.reads[0] not in root:
            continue
        if layer.kind in WITH_LAYOUT:
            root[place] = place
            continue
        joined = {root[one] for one in layer.reads}
        first = root[place] = min(joined)
        for one, its in root.items():
            if its in joined:
                root[one] = first
    number = {one: at for at, one in enumerate(dict.fromkeys(root.values()))}
    return {place: number[one] for place, one in root.items()}


def _passages(
    layers: Sequence[Layer], place_of: dict[int, int], widths: dict[int, int], dtype: Dtype
) -> Iterator[Passage]:
    for place, layer in enumerate(layers):
        if layer.kind in WITH_LAYOUT:
            (read,) = layer.reads
            yield Passage(
                source=place_of[read],
                target=place_of[place],
                moved=Moved(map=layer.entering, dtype=_type(widths[read], dtype)),
                has_gradient=layer.has_input_gradient,
            )
