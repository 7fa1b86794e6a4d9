"""Sums over all layers of a network, as the papers print them."""

from resnext_bench.resnext.cost import total_flops
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.layers import Layer
from resnext_bench.resnext.names import Architecture


def convolutions(spec: Architecture, image_size: int) -> list[Layer]:
    """All, in the order the network runs."""
    return [layer for layer in draw(spec, image_size) if layer.kind == "conv"]


def parameters(spec: Architecture) -> int:
    """Trained values, batch norm and biases included."""
    return sum(layer.parameters for layer in draw(spec, spec.image_size))


def multiply_adds(spec: Architecture, image_size: int) -> int:
    """Of one forward pass of one image: the papers' "FLOPs"."""
    return sum(layer.multiply_adds for layer in draw(spec, image_size))


def training_flops(spec: Architecture, image_size: int) -> int:
    """To train on one image. ResNeXt-50 32x4d at 224 pixels: 25.15 GFLOP."""
    return total_flops(draw(spec, image_size)).total
