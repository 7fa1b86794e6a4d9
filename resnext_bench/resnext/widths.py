"""Bytes of a value in each map, by precision and layers (no torch)."""

from collections.abc import Sequence
from typing import Final

from resnext_bench.resnext.layers import IMAGES, Layer

FP32: Final = 4


def map_widths(layers: Sequence[Layer], product: int) -> dict[int, int]:
    """Return the bytes of a value in each map by its place, images included.

    Convolutions and linear layers return `product` bytes. Autocast computes local response norm in
    fp32; all other layers keep the width of their input.
    """
    widths = {IMAGES: FP32}
    for place, layer in enumerate(layers):
        match layer.kind:
            case "conv" | "linear":
                widths[place] = product
            case "lrn":
                widths[place] = FP32
            case _:
                widths[place] = widths[layer.reads[0]]
    return widths
