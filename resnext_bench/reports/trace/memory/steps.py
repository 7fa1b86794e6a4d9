"""The memory of each step, whether steps leave more and more behind, and the line of all totals."""

from collections import Counter
from typing import Final

import numpy as np

from resnext_bench.reports.schema.trace_memory import (
    Growth,
    MemoryPart,
    PassName,
    StepMemory,
    Timeline,
)
from resnext_bench.reports.trace.memory.device import Known
from resnext_bench.reports.trace.memory.origins import NEVER, backward
from resnext_bench.reports.trace.reading.trace import UNTOLD, Ns

_BINS: Final = 240
"""Parts of the time of a timeline: what a terminal's widest line can show in halves."""
_FEWEST: Final = 2
"""Differences between steps, all of them above 0, from which on memory is said to grow."""


def steps(found: Known) -> list[StepMemory]:
    """Return the memory of each marked step, as long as it lasts on the host."""
    marked = found.analysis.steps
    if not marked.marked:
        return []
    begins = backward(found.analysis).start
    return [
        _step(found, at, number, (int(start), int(end)), int(begins[at]))
        for at, (number, start, end) in enumerate(
            zip(marked.numbers, marked.host.start, marked.host.end, strict=True)
        )
        if end > start
    ]


def _step(found: Known, at: int, number: int, window: tuple[int, int], begins: int) -> StepMemory:
    start, end = window
    low, high = (int(np.searchsorted(found.times, one)) for one in (start, end))
    first, last = found.total_at(start), found.total_at(end)
    peak, pass_ = first, ""
    if high > low:
        place = low + int(found.series.total[low:high].argmax())
        if found.series.total[place] >= first:
            peak = int(found.series.total[place])
            pass_ = found.pass_of(int(found.series.row[place]))
    return StepMemory(
        number=number,
        first=first,
        peak=peak,
        pass_=_named(pass_),
        last=last,
        activations=None if begins == NEVER else _activations(found, at, begins),
    )


def _named(name: str) -> PassName:
    return name  # type: ignore[return-value]


def _activations(found: Known, step: int, moment: int) -> int:
    """Return the bytes of a step's forward pass that are there then, but for what was noted."""
    noted = np.zeros(len(found.blocks), dtype=bool)
    noted[list(found.told.name)] = True
    which = found.lives.kept & (found.lives.step == step) & ~noted & found.lives.there(moment)
    return int(found.blocks.size[which].sum())


def growth(found: Known, told: list[StepMemory]) -> Growth | None:
    """Return by how much more is left after each step; None with fewer than two."""
    if len(told) < 2:
        return None
    more = np.diff([one.last for one in told])
    grows = bool(len(more) >= _FEWEST and (more > 0).all())
    return Growth(
        per_step=int(np.median(more)),
        steps=len(more),
        is_growing=grows,
        left=_left(found) if grows else [],
    )


def _left(found: Known) -> list[MemoryPart]:
    """Return what is left of blocks that steps allocated, but for the first and the last one."""
    last = len(found.analysis.steps.numbers) - 1
    lived = found.lives
    which = (lived.step > 0) & (lived.step < last) & (lived.end == NEVER)
    sizes, counts = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
    for at in np.flatnonzero(which).tolist():
        row = int(lived.row[at])
        operator = found.operator_of(row)
        name = ", ".join(filter(None, (operator, found.module_of(row)))), bool(operator)
        sizes[name] += int(found.blocks.size[at])
        counts[name] += 1
    return [
        MemoryPart(
            name=name[0], bytes=size, blocks=counts[name], nameless="" if name[1] else "operator"
        )
        for name, size in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def timeline(found: Known) -> Timeline:
    """Return the highest totals in equal parts of the recording's time."""
    times, series = found.times, found.series
    begin, end = int(times[0]), int(times[-1])
    length = max(1.0, (end - begin + 1) / _BINS)
    bins = np.minimum(((times - begin) / length).astype(np.int64), _BINS - 1)
    reserved = _highest(bins, series.reserved, int(series.reserved[0]))
    marked = found.analysis.steps
    marks = zip(marked.numbers, marked.host.start.tolist(), strict=True) if marked.marked else ()
    return Timeline(
        begin_ns=begin,
        bin_ns=length,
        allocated=_highest(bins, series.total, found.series.before).tolist(),
        reserved=[None if one == UNTOLD else one for one in reserved.tolist()],
        marks=[(str(number), start) for number, start in marks],
    )


def _highest(bins: Ns, values: Ns, before: int) -> Ns:
    """Return the highest value in each bin, with that which it begins with."""
    highest = np.full(_BINS, UNTOLD)
    np.maximum.at(highest, bins, values)
    last = np.searchsorted(bins, np.arange(_BINS), side="left") - 1
    entering = np.where(last >= 0, values[np.maximum(last, 0)], before)
    found: Ns = np.maximum(highest, entering)
    return found
