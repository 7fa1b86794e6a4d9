"""Bytes of a value of each map, which precision and layers decide (no torch)."""

from collections.abc import Sequence
from typing import Final

from resnext_bench.resnext.layers import IMAGES, Layer

FP32: Final = 4


def map_widths(layers: Sequence[Layer], product: int) -> dict[int, int]:
    """By place, images included, where convolutions and linear layers give `product` bytes.

    Autocast computes local response norm in fp32; all else keeps the width of what it reads.
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
