"""The numbers behind names of networks: for classes of others, and sums as papers print them."""

from resnext_bench.resnext.cost import total_flops
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.layers import Layer
from resnext_bench.resnext.names import Architecture, parse
from resnext_bench.resnext.spec import ResNeXtSpec


def residual(name: str) -> ResNeXtSpec:
    """Return the numbers of a residual network, the only family that others' classes can build."""
    spec = parse(name)
    if not isinstance(spec, ResNeXtSpec):
        raise TypeError(f"{name} is no residual network, so nobody else's classes build it")
    return spec


def convolutions(spec: Architecture, image_size: int) -> list[Layer]:
    """Return all convolutions in the order in which the network runs them."""
    return [layer for layer in draw(spec, image_size) if layer.kind == "conv"]


def parameters(spec: Architecture) -> int:
    """Return the number of trained values, with batch norm and biases."""
    return sum(layer.parameters for layer in draw(spec, spec.image_size))


def multiply_adds(spec: Architecture, image_size: int) -> int:
    """Return the multiply-adds of one image's forward pass, which the papers call "FLOPs"."""
    return sum(layer.multiply_adds for layer in draw(spec, image_size))


def training_flops(spec: Architecture, image_size: int) -> int:
    """Return the FLOP to train on one image. ResNeXt-50 32x4d at 224 pixels: 25.15 GFLOP."""
    return total_flops(draw(spec, image_size)).total
