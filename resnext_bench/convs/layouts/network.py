"""A network as regions that have a layout, and the maps between them that may be converted.

Convolutions, norms and pools choose a layout for what they read, and return it; activations, sums
and concatenations take that of their inputs, so that all maps of a sum belong to one region. The
residual maps of a stage are one, as each block adds to the one before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from resnext_bench.config.layouts import WITH_LAYOUT
from resnext_bench.convs.layouts.jobs import MapKind, MapTask
from resnext_bench.resnext.layers import FP32, IMAGES, Kind, Layer, Map, map_widths
from resnext_bench.resnext.traffic import WIDTH, Dtype

_ON_MAPS: Final[tuple[Kind, ...]] = (*WITH_LAYOUT, "relu", "add", "concat", "dropout")
"""Layers that work on maps, unless they follow a linear layer, which returns a row of values."""
_TIMED: Final[dict[Kind, MapKind]] = {
    "norm": "norm",
    "max_pool": "max_pool",
    "mean_pool": "mean_pool",
    "lrn": "lrn",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A map that a layer of one region reads from another."""

    source: int
    target: int
    conversion: MapTask
    has_gradient: bool
    """Whether a gradient comes back the same way: not to the images."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Regions:
    """The regions of a network; the first is that of the images."""

    layers: tuple[tuple[Layer, ...], ...]
    """The layers of each region that have a layout of their own."""
    tasks: Mapping[str, MapTask]
    """What is timed of those that are no convolutions, by their names."""
    passages: tuple[Passage, ...]

    @property
    def names(self) -> list[str]:
        """Names of all layers that have a layout of their own."""
        return [layer.name for some in self.layers for layer in some]


def regions_of(layers: Sequence[Layer], batch: int, dtype: Dtype) -> Regions:
    """Return the regions of a network that computes in this type: under autocast, if narrow."""
    region_of = _regions(layers)
    widths = map_widths(layers, WIDTH[dtype])
    found: list[list[Layer]] = [[] for _ in range(1 + max(region_of.values()))]
    tasks: dict[str, MapTask] = {}
    passages = []
    for place, layer in _with_layout(layers):
        (read,) = layer.reads
        type_: Dtype = "fp32" if widths[read] == FP32 else dtype
        found[region_of[place]].append(layer)
        if layer.kind != "conv":
            tasks[layer.name] = _task(layer, batch, type_)
        conversion = MapTask(kind="convert", shape=_shape(layer.entering, batch), dtype=type_)
        passages.append(
            Passage(
                source=region_of[read],
                target=region_of[place],
                conversion=conversion,
                has_gradient=layer.has_input_gradient,
            )
        )
    return Regions(layers=tuple(map(tuple, found)), tasks=tasks, passages=tuple(passages))


def _with_layout(layers: Sequence[Layer]) -> Iterator[tuple[int, Layer]]:
    return ((place, layer) for place, layer in enumerate(layers) if layer.kind in WITH_LAYOUT)


def _shape(one: Map, batch: int) -> tuple[int, int, int, int]:
    return batch, one.channels, one.size, one.size


def _task(layer: Layer, batch: int, dtype: Dtype) -> MapTask:
    is_window = layer.kind == "max_pool"
    return MapTask(
        kind=_TIMED[layer.kind],
        shape=_shape(layer.entering, batch),
        dtype=dtype,
        kernel=layer.kernel if is_window else 1,
        stride=layer.stride if is_window else 1,
        padding=_padding(layer) if is_window else 0,
        has_gradient=layer.has_input_gradient,
    )


def _padding(layer: Layer) -> int:
    """Return the padding of a max-pool, with which it makes at least as many windows as it does."""
    room = (layer.leaving.size - 1) * layer.stride + layer.kernel - layer.entering.size
    return min(layer.kernel // 2, max(0, (room + 1) // 2))


def _regions(layers: Sequence[Layer]) -> dict[int, int]:
    """Return the region of each map by its place; that of the images is 0."""
    root = {IMAGES: IMAGES}
    for place, layer in enumerate(layers):
        if layer.kind not in _ON_MAPS or layer.reads[0] not in root:
            continue
        if layer.kind in WITH_LAYOUT:
            root[place] = place
            continue
        joined = {root[one] for one in layer.reads}
        root[place] = min(joined)
        root |= {one: root[place] for one, its in root.items() if its in joined}
    number = {one: at for at, one in enumerate(dict.fromkeys(root.values()))}
    return {place: number[one] for place, one in root.items()}
