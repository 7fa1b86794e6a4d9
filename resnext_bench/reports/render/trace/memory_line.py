"""Draws how much memory was given out over time, and says its peak in a line."""

from collections.abc import Iterator, Sequence
from typing import Final

from resnext_bench.reports.render.model import Line
from resnext_bench.reports.render.trace.words import ms, size
from resnext_bench.reports.schema.trace_memory import PeakOnly, Timeline

_COLUMNS: Final = 60
_ROWS: Final = 8
_LABEL: Final = 10
"""Characters of the sizes on the left."""
_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"


def peak_line(found: Sequence[PeakOnly], path: str) -> Iterator[Line]:
    """Yield what `trace report` says of memory, and the command that says more."""
    if not found:
        return
    told = "; ".join(
        f"{size(one.bytes)}{'' if one.has_totals else ' more than at first'} "
        f"on {device(one.device)}, {when(one.step, one.pass_)}"
        for one in found
    )
    yield Line(text=f"Memory at its peak: {told}; what was there:")
    yield Line(text=f"resnext-bench trace memory {path}", is_command=True)


def device(name: str) -> str:
    """Return how a sentence calls a device: one that has no number is `the CPU`."""
    return name if name[-1:].isdigit() else f"the {name}"


def when(step: int | None, pass_: str) -> str:
    """Return step and pass of a moment."""
    where = f"in {pass_}" if pass_ else ""
    if step is None:
        return where or "outside steps"
    return f"{where} of step {step}" if where else f"in step {step}"


def drawing(found: Timeline) -> Iterator[Line]:
    """Yield the lines of a drawing; each column has the highest total of its time."""
    columns = _highest(found.allocated)
    most = max(columns, default=0)
    if most <= 0:
        return
    for row in range(_ROWS, 0, -1):
        label = size(most) if row == _ROWS else size(most // 2) if 2 * row == _ROWS else ""
        cells = "".join(_cell(max(0, one) / most, row) for one in columns)
        yield Line(text=f"{label:>{_LABEL}} ┤{cells}".rstrip(), is_output=True)
    length = found.bin_ns * len(found.allocated)
    yield Line(text=f"{'0 B':>{_LABEL}} ┼{'─' * len(columns)}", is_output=True)
    begin, end = f"{ms(found.begin_ns)} ms", f"{ms(found.begin_ns + length)} ms"
    between = " " * max(1, len(columns) - len(begin) - len(end))
    yield Line(text=f"{'':{_LABEL}}  {begin}{between}{end}", is_output=True)
    if found.marks:
        marks = _marks(found, len(columns))
        yield Line(text=f"{'step':>{_LABEL}}  {marks}".rstrip(), is_output=True)


def _highest(bins: Sequence[int]) -> list[int]:
    """Return the highest of the bins in each column."""
    each = max(1, len(bins) // _COLUMNS)
    return [max(bins[at : at + each]) for at in range(0, len(bins), each)]


def _cell(share: float, row: int) -> str:
    """Return a character of a column that is as high as this share of all rows; rows from 1."""
    eighths = round(8 * (share * _ROWS - (row - 1)))
    return _EIGHTHS[min(8, max(0, eighths))]


def _marks(found: Timeline, columns: int) -> str:
    """Return the numbers of steps below their beginnings, those that have room."""
    cells, free = [" "] * columns, 0
    for name, start in found.marks:
        at = int((start - found.begin_ns) / (found.bin_ns * len(found.allocated)) * columns)
        at, text = max(at, 0), f"|{name}"
        if at >= free and at + len(text) <= columns:
            cells[at : at + len(text)] = text
            free = at + len(text) + 1
    return "".join(cells)
