"""The table of docs/pipelines.md on loaders, from docs/results/loaders.json; it needs no DALI."""

from typing import Any, Final

import numpy as np

SIDES: Final = {
    "dali fp32": "DALI, fp32",
    "torchvision fp32": "torchvision, fp32",
    "dali by hand": "DALI by hand, fp32",
    "torchvision by hand": "torchvision by hand, fp32",
    "dali uint8": "DALI, uint8",
    "torchvision uint8": "torchvision, uint8",
    "decode": "DALI by hand, decode + crop + resize alone",
}
"""Sides and their names in the table."""


def table(found: dict[str, Any]) -> str:
    """Return Markdown with a line for each side, and what it is compared with."""
    rates = dict(zip(found["sides"], np.median(found["images_per_s"], axis=0), strict=True))
    lines = ["| | images/s | times as fast |", "|---|---|---|"]
    for name, rate in rates.items():
        ratios = [_compared(pair, ratio) for pair, ratio in found["ratios"].items()]
        against = "; ".join(words for one, words in ratios if one == name)
        lines.append(f"| {SIDES[name]} | {rate:,.0f} | {against} |")
    return "\n".join(lines)


def _compared(pair: str, ratio: dict[str, float]) -> tuple[str, str]:
    """Return the side that a ratio belongs to, and the ratio in words."""
    one, other = pair.split(" / ")
    interval = f"{ratio['low']:.2f} to {ratio['high']:.2f}"
    return one, f"{ratio['estimate']:.2f} ({interval}) of {_short(other)}"


def _short(name: str) -> str:
    """Return the name of a side without its type, for a comparison within one type."""
    return SIDES[name].partition(",")[0]
