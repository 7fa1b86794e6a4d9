"""Rates as text, with a mark on those that no device of the kind can reach, and what they mean."""

import math
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from resnext_bench.reports.render.model import Line
from resnext_bench.reports.schema.trace import ConvRow

_MEANS: Final = {
    "*": "the FLOP are those of the direct algorithm, and Winograd and FFT need fewer",
    "!": "the shape or the time that the trace records is wrong",
    "+": "by less than a tenth, as clocks may be higher than in the data sheet",
}
"""Marks of rates above the peak."""
_CUT: Final = "cut"
"""In the place of a rate."""
_CLOCKS: Final = 1.1
"""A device whose clocks are higher than in its data sheet is above its peak by less than this."""


class Rated(Protocol):
    """A row with a rate."""

    @property
    def tflops(self) -> float | None:
        """Return TFLOP/s, if known."""

    @property
    def peak_tflops(self) -> float | None:
        """Return the most by the data sheet, if known."""

    @property
    def calls(self) -> int:
        """Return how many calls the row is of."""

    @property
    def cut_calls(self) -> int:
        """Return how many of them the range cuts."""

    @property
    def dtype(self) -> str:
        """Return the type of the numbers."""


def tflops(value: float | None) -> str:
    """Return TFLOP/s with as many digits as are meaningful; a question mark where not known."""
    if value is None or value <= 0:
        return "?"
    if value < 1e-6:
        return "<0.000001"
    digits = 3 if value >= 1 else 2
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(value)))}f}"


def rate(row: Rated) -> str:
    """Return a row's rate, with a mark where it is above the peak of its type."""
    return _CUT if _is_cut(row) else tflops(row.tflops) + _mark(row)


def explained(rows: Iterable[Rated], device: str) -> Iterator[Line]:
    """Yield a line for each mark that these rows have."""
    rows = list(rows)
    peaks: dict[str, set[str]] = {}
    for row in rows:
        if mark := _mark(row):
            peaks.setdefault(mark, set()).add(f"{row.peak_tflops:g} TFLOP/s in {row.dtype}")
    for mark, told in sorted(peaks.items()):
        above = f"{mark} above the peak of {device} ({', '.join(sorted(told))})"
        yield Line(text=f"{above}: {_MEANS[mark]}", tone="dim")
    if any(map(_is_cut, rows)):
        yield Line(text=f"{_CUT} by the range: no rate", tone="dim")


def spaced(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield lines below a table, with an empty one behind them if there are any."""
    told = list(lines)
    yield from [*told, Line(text="")] if told else []


def _is_cut(row: Rated) -> bool:
    """Return whether the range has only parts of a row's calls."""
    return 0 < row.calls == row.cut_calls


def _mark(row: Rated) -> str:
    """Return the mark of a rate; nothing where it may be, or nothing is known of the device."""
    if row.tflops is None or row.peak_tflops is None or row.tflops <= row.peak_tflops:
        return ""
    if isinstance(row, ConvRow) and row.algorithm:
        return "*"
    return "!" if row.tflops > _CLOCKS * row.peak_tflops else "+"
