"""The convolutions of a network, each once: layers that are the same one are named together."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from resnext_bench.resnext.layers import Layer

Operation = Literal["forward", "input gradient", "weight gradient"]
"""What a training step computes of a convolution."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alike:
    """The layers of a network that are the same convolution."""

    layer: Layer
    """The first of them."""
    names: tuple[str, ...]


def convolutions(layers: Iterable[Layer], *, grouped: bool) -> list[Alike]:
    """Return the convolutions in the order of the network: those with groups alone, or all."""
    alike: dict[tuple[object, ...], list[Layer]] = {}
    for layer in layers:
        if layer.kind == "conv" and (layer.groups > 1 or not grouped):
            shape = (layer.entering, layer.leaving, layer.kernel, layer.stride, layer.groups)
            alike.setdefault((*shape, layer.has_input_gradient), []).append(layer)
    return [Alike(layer=same[0], names=tuple(one.name for one in same)) for same in alike.values()]
