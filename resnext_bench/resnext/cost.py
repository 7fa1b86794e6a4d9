"""Parameters and arithmetic of a network, exact and without building it (no torch).

One multiply-add (MAC) is two FLOP everywhere; the papers call multiply-adds "FLOPs". Batch norm,
ReLU, pooling and additions are not counted, as in the papers; nor are biases.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from resnext_bench.resnext.layers import Layer

FLOP_PER_MULTIPLY_ADD: Final = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Flops:
    """FLOP of one layer, or of many, on one image."""

    forward: int
    input_gradient: int
    weight_gradient: int

    @property
    def total(self) -> int:
        """The FLOP of one training step."""
        return self.forward + self.input_gradient + self.weight_gradient


def flops(layer: Layer) -> Flops:
    """Return the FLOP of a layer on one image.

    Each gradient costs as much as the forward pass, whatever the groups: it multiplies every weight
    with every place where it is used, once. The gradient of the image itself is never computed.
    """
    forward = FLOP_PER_MULTIPLY_ADD * layer.multiply_adds
    return Flops(
        forward=forward,
        input_gradient=forward if layer.has_input_gradient else 0,
        weight_gradient=forward,
    )


def total_flops(layers: Iterable[Layer]) -> Flops:
    """Return the FLOP of all layers on one image, by direction."""
    each = [flops(layer) for layer in layers]
    return Flops(
        forward=sum(one.forward for one in each),
        input_gradient=sum(one.input_gradient for one in each),
        weight_gradient=sum(one.weight_gradient for one in each),
    )
