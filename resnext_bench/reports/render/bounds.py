"""Words of intervals: from where to where, or that so few values bound nothing."""

from collections.abc import Callable
from typing import Final

WIDE: Final = 100.0
"""Ratio of an interval's ends from which on it bounds nothing: its digits would only look exact."""
NOTHING: Final = "no bounds yet"

TOO_FEW: Final = "so few sessions bound nothing"


def bounds(low: float, high: float) -> bool:
    """Return whether an interval of a positive figure says anything about it."""
    return low > 0 and high < WIDE * low


def bounds_percent(low: float, high: float) -> bool:
    """Return whether an interval of a change, in per cent, says anything about it."""
    return bounds(100 + low, 100 + high)


def span(low: float, high: float, tell: Callable[[float], str]) -> str:
    """Return "1.2 to 3.4" of a positive figure, or that nothing bounds it."""
    return f"{tell(low)} to {tell(high)}" if bounds(low, high) else NOTHING
