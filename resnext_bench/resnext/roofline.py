"""The least time that each layer can take on a device (Williams et al., CACM 2009; no torch).

A kernel takes at least as long as its products at the device's rate, and at least as long as its
bytes at the bandwidth of its memory; the longer of the two is its floor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from resnext_bench.resnext.cost import flops
from resnext_bench.resnext.layers import Layer
from resnext_bench.resnext.traffic import Dtype, Layout, optimizer_traffic, traffic

Bound = Literal["compute", "memory"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Roof:
    """The highest rates of a device."""

    flop_per_s: float
    bytes_per_s: float

    @property
    def ridge(self) -> float:
        """FLOP/byte above which products are the limit."""
        return self.flop_per_s / self.bytes_per_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """The work of one direction of one layer, for a whole batch."""

    flop: int
    bytes: int

    @property
    def intensity(self) -> float:
        """FLOP/byte; 0 where nothing is moved."""
        return self.flop / self.bytes if self.bytes else 0.0

    def seconds(self, roof: Roof) -> float:
        """Return the least time that a device needs for it, s."""
        return max(self.flop / roof.flop_per_s, self.bytes / roof.bytes_per_s)

    def bound(self, roof: Roof) -> Bound:
        """Return what limits it on a device: its products or its bytes."""
        return "compute" if self.intensity > roof.ridge else "memory"


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerWork:
    """The work of a layer in its three directions."""

    layer: Layer
    forward: Work
    input_gradient: Work
    weight_gradient: Work

    @property
    def directions(self) -> tuple[Work, Work, Work]:
        """The three directions: forward, input gradient, weight gradient."""
        return self.forward, self.input_gradient, self.weight_gradient

    def seconds(self, roof: Roof) -> float:
        """Return the least time of all directions, one after another, s."""
        return sum(work.seconds(roof) for work in self.directions)


def layer_work(
    layers: Sequence[Layer], batch: int, dtype: Dtype, layout: Layout = "nhwc"
) -> tuple[LayerWork, ...]:
    """Return FLOP and bytes of every layer, in their order."""
    found = []
    for layer, moved in zip(layers, traffic(layers, batch, dtype, layout), strict=True):
        products = flops(layer)
        found.append(
            LayerWork(
                layer=layer,
                forward=Work(flop=batch * products.forward, bytes=moved.forward),
                input_gradient=Work(
                    flop=batch * products.input_gradient, bytes=moved.input_gradient
                ),
                weight_gradient=Work(
                    flop=batch * products.weight_gradient, bytes=moved.weight_gradient
                ),
            )
        )
    return tuple(found)


def optimizer_work(layers: Sequence[Layer]) -> Work:
    """Return the work of one update of all parameters by SGD; its arithmetic is not counted."""
    return Work(flop=0, bytes=optimizer_traffic(layers, "sgd"))
