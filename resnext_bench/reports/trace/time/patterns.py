"""Steps of a trace that marks none, by the launches: the largest pattern that repeats exactly.

Two steps of one program launch the same kernels in the same order. Layers repeat, too, but only
within a step: what repeats over most of the trace is the step.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_time import StepsFrom
from resnext_bench.reports.trace.reading.trace import Kind, Ns, Trace
from resnext_bench.reports.trace.time.intervals import Windows
from resnext_bench.reports.trace.time.links import Links
from resnext_bench.reports.trace.time.marks import Marks, which

_REPEATS: Final = 3
"""Fewest repetitions; two suffice for a long pattern that is nearly all of the trace."""
_LONG: Final = 8
"""Launches."""
_ALL: Final = 0.9
_FEWEST: Final = 9
"""Launches that a pattern has to cover with all of its repetitions."""
_MOST: Final = 0.5
"""Share of the launches, and of their time, that a pattern has to cover."""
_HEAD: Final = 0.1
"""Of a period; with so little before it the first step is the program's first."""
_CANDIDATES: Final = 3
"""Distances that are looked at for each length of what repeats."""


def by_pattern(trace: Trace, links: Links, device: int) -> Marks | None:
    """Return the steps, with copies and fills in the pattern or without them: what holds more.

    They have to hold most of the device's time, too.
    """
    mine = trace.device.device == device
    time = trace.device.duration
    best, most = None, _MOST * float(time[mine].sum())
    launched = mine & (links.launch >= 0)
    linked = 2 * launched.sum() >= mine.sum()
    moment = trace.host.start[links.launch] if linked else trace.device.start
    seen = trace.host if linked else trace.device
    recorded = (int(seen.start.min()), int(seen.end.max()) + 1)
    for chosen in (mine, mine & (trace.device.kind == Kind.KERNEL)):
        rows = np.flatnonzero(chosen & launched if linked else chosen)
        order = rows[np.lexsort((trace.device.start[rows], moment[rows]))]
        found = _steps(trace.device.name[order], moment[order], recorded)
        if found is None:
            continue
        held = mine & (which(found.windows, moment) >= 0) & (launched if linked else mine)
        if (total := float(time[held].sum())) >= most:
            best, most = found, np.nextafter(total, np.inf)
    return best


def _steps(names: NDArray[Any], moment: Ns, recorded: tuple[int, int]) -> Marks | None:
    """Return the steps of a sequence, which was recorded from one moment to another.

    Its last one lasts until the next launch, if there is one.
    """
    found = period(names)
    if found is None:
        return None
    first, length, covered = found
    if first:
        first, covered = _from_the_longest_gap(moment, first, length, covered)
    edges = first + length * np.arange(covered // length + 1)
    moments = np.append(moment, recorded[1])[edges]
    if (np.diff(moments) <= 0).any():  # several repetitions within one launch, as of a graph
        return None
    begins = moments[:-1].copy()
    # It came after a pause, too, as long as those of the others at most.
    pauses = np.diff(moment)[edges[1:-1] - 1]
    before = recorded[0] if first <= _HEAD * length else int(moment[first - 1]) + 1
    begins[0] = min(int(begins[0]), max(before, int(begins[0] - pauses.max(initial=0))))
    return Marks(
        source=StepsFrom(kind="pattern", launches=length),
        numbers=tuple(range(1, len(edges))),
        windows=Windows(start=begins, end=moments[1:]),
    )


def period(names: NDArray[Any]) -> tuple[int, int, int] | None:
    """Return where the largest repetition begins, its period, and how many rows it covers."""
    best: tuple[int, int, int] | None = None
    for length in _lengths(names):
        first, covered = _longest(names, length)
        if not _enough(names, first, length, covered):
            continue
        if best is None or (covered, -length) > (best[2], -best[1]):
            best = first, length, covered
            if covered >= _ALL * len(names):
                break
    return best


def _enough(names: NDArray[Any], first: int, length: int, covered: int) -> bool:
    repeats = covered // length
    long = length >= _LONG and covered >= _ALL * len(names)
    if repeats < (2 if long else _REPEATS) or covered < max(_FEWEST, _MOST * len(names)):
        return False
    return len(np.unique(names[first : first + length])) > 1


def _lengths(names: NDArray[Any]) -> Iterator[int]:
    """Yield how far apart the same sequences of 1, 2, 4, … names most often begin."""
    seen: set[int] = set()
    _, ids = np.unique(names, return_inverse=True)
    width = 1
    while len(ids) > 1:
        order = np.argsort(ids, kind="stable")
        again = ids[order[1:]] == ids[order[:-1]]
        if not again.any():
            return
        apart = np.bincount((order[1:] - order[:-1])[again])
        for length in np.argsort(apart)[: -_CANDIDATES - 1 : -1].tolist():
            if length >= 2 and apart[length] and length not in seen:
                seen.add(length)
                yield length
        if len(ids) <= width:
            return
        pairs = ids[:-width].astype(np.int64) * len(ids) + ids[width:]
        _, ids = np.unique(pairs, return_inverse=True)
        width *= 2


def _longest(names: NDArray[Any], length: int) -> tuple[int, int]:
    """Return where the longest stretch of this period begins, and how many rows it covers."""
    breaks = np.flatnonzero(names[length:] != names[:-length])
    edges = np.concatenate([[-1], breaks, [len(names) - length]])
    runs = np.diff(edges) - 1
    at = int(runs.argmax())
    return int(edges[at]) + 1, int(runs[at]) + length


def _from_the_longest_gap(moment: Ns, first: int, length: int, covered: int) -> tuple[int, int]:
    """Return a beginning within the first repetition before which the host pauses longest.

    What came before the repetition was another step, whose end may already be like the others'.
    """
    repeats = covered // length - 1
    if repeats < _REPEATS:
        return first, covered
    gaps = np.diff(moment)[first - 1 : first - 1 + repeats * length]
    by = int(gaps.reshape(repeats, length).sum(axis=0).argmax())
    return first + by, covered - by
