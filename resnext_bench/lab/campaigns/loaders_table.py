"""The table of docs/pipelines.md on loaders, from docs/results/loaders.json; without DALI."""

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
"""With the words of the table."""


def table(found: dict[str, Any]) -> str:
    """Markdown: a line for each side, with what it is compared with."""
    rates = dict(zip(found["sides"], np.median(found["images_per_s"], axis=0), strict=True))
    lines = ["| | images/s | times as fast |", "|---|---|---|"]
    for name, rate in rates.items():
        ratios = [_compared(pair, ratio) for pair, ratio in found["ratios"].items()]
        against = "; ".join(words for one, words in ratios if one == name)
        lines.append(f"| {SIDES[name]} | {rate:,.0f} | {against} |")
    return "\n".join(lines)


def _compared(pair: str, ratio: dict[str, float]) -> tuple[str, str]:
    """Of whom it is, and the words."""
    one, other = pair.split(" / ")
    interval = f"{ratio['low']:.2f} to {ratio['high']:.2f}"
    return one, f"{ratio['estimate']:.2f} ({interval}) of {_short(other)}"


def _short(name: str) -> str:
    """Beside one of the same type."""
    return SIDES[name].partition(",")[0]
