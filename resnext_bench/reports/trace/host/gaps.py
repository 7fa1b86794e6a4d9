"""The longest times in which nothing ran, and what the host did in them.

A gap ends with work that a thread launched: that thread is looked at; where a range ends first, the
one that launches next. What it did is the innermost
row that takes at least half of the gap; else the name with most time of its own; else nothing that
the trace names, which is Python or the framework.
"""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_host import GapRow, WaitedRow
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.host.rows import STEP, callers, name_at, used_windows
from resnext_bench.reports.trace.reading.trace import Ids, Kind, Ns
from resnext_bench.reports.trace.time.intervals import NO_TIME, Times
from resnext_bench.reports.trace.time.intervals import gaps as free_times
from resnext_bench.reports.trace.time.links import of_names

LONGEST: Final = 5
_LAUNCH: Final = re.compile(r"\w*(Launch\w*Kernel|ModuleLaunch|GraphLaunch)")
_NONE, _UNKNOWN = "none", "unknown"


@dataclass(frozen=True, kw_only=True, eq=False)
class Gaps:
    """All gaps of the used steps."""

    times: Times
    ended_by: Ids
    """Row of the device, on a CPU of the host, that begins where each gap ends; -1: none."""

    @property
    def of_half(self) -> int:
        """Return how many of the longest make up half of them all."""
        longest = np.cumsum(np.sort(self.times.end - self.times.start)[::-1])
        return int(np.searchsorted(longest, longest[-1] / 2)) + 1 if len(longest) else 0


NO_GAPS: Final = Gaps(times=NO_TIME, ended_by=np.empty(0, dtype=np.int32))


def gaps(analysis: Analysis) -> Gaps:
    """Find all gaps, and what ends them."""
    trace = analysis.trace
    times = free_times(analysis.busy.any, used_windows(analysis))
    if analysis.device is None:
        rows = np.flatnonzero(trace.host.kind == Kind.OPERATOR)
        start = trace.host.start[rows]
    else:
        rows = np.flatnonzero(trace.device.device == analysis.device)
        start = trace.device.start[rows]
    if not len(rows):
        return Gaps(times=times, ended_by=np.full(len(times.end), -1, dtype=np.int32))
    order = np.argsort(start, kind="stable")
    at = np.searchsorted(start[order], times.end)
    last = np.minimum(at, len(rows) - 1)
    ends = (at < len(rows)) & (start[order[last]] == times.end)
    return Gaps(times=times, ended_by=np.where(ends, rows[order[last]], -1).astype(np.int32))


def longest(analysis: Analysis, found: Gaps) -> list[GapRow]:
    """Return a row for each of the longest gaps."""
    length = found.times.end - found.times.start
    order = np.argsort(-length, kind="stable")[:LONGEST]
    starts, ends = found.times.start[order].tolist(), found.times.end[order].tolist()
    threads = _threads(analysis, found.ended_by[order], found.times.end[order])
    did = [_doing(analysis, *one) for one in zip(threads, starts, ends, strict=True)]
    rows = np.array([one.row for one in did], dtype=np.int32)
    around = callers(analysis.trace, analysis.links, rows)
    before = _names_of_ends(analysis, found.ended_by[order])
    return [
        GapRow(
            step=_step(analysis, start),
            start_ns=start,
            length_ns=end - start,
            doing=name_at(analysis.trace, did[at].row),
            doing_kind=did[at].kind,
            doing_ns=did[at].ns,
            operator=name_at(analysis.trace, around[at]) if around[at] != rows[at] else "",
            before=_named(analysis, before[at]),
        )
        for at, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def _step(analysis: Analysis, moment: int) -> int | None:
    steps = analysis.steps
    inside = (steps.windows.start <= moment) & (moment < steps.windows.end) & steps.used
    which = np.flatnonzero(inside)
    return int(steps.numbers[which[0]]) if steps.marked and len(which) else None


def _threads(analysis: Analysis, ended_by: Ids, end: Ns) -> list[int]:
    """Return the thread that launched what ended each gap; -1: not known."""
    thread = np.append(analysis.trace.host.thread, np.int32(-1))
    cause = np.where(ended_by < 0, _next_launch(analysis, end), _causes(analysis, ended_by))
    found: list[int] = thread[cause].tolist()
    return found


def _next_launch(analysis: Analysis, moment: Ns) -> Ids:
    """Return the row of the host that launches next, from each moment on; -1: none."""
    host, names = analysis.trace.host, analysis.trace.names
    named = of_names(names, lambda name: 1 if _LAUNCH.match(name) else None)[host.name] > 0
    rows = np.flatnonzero(named & (host.kind == Kind.LAUNCH))
    rows = rows[np.argsort(host.start[rows], kind="stable")]
    at = np.searchsorted(host.start[rows], moment)
    found: Ids = np.append(rows, -1).astype(np.int32)[at]
    return found


def _causes(analysis: Analysis, ended_by: Ids) -> Ids:
    """Return the row that launched what ended each gap, on a CPU that row itself; -1: unknown."""
    if analysis.device is None:
        return ended_by
    links = analysis.links
    cause = np.where(links.launch >= 0, links.launch, links.operator)
    found: Ids = np.append(cause, np.int32(-1))[ended_by]  # -1 is the last one: unknown
    return found


def _named(analysis: Analysis, name: int) -> str:
    return analysis.trace.names[name] if name >= 0 else ""


def waited_for(analysis: Analysis, found: Gaps) -> list[WaitedRow]:
    """Return a row for each operator whose work ended gaps, most time first."""
    names, which, count = np.unique(
        _names_of_ends(analysis, found.ended_by), return_inverse=True, return_counts=True
    )
    total = np.bincount(which, weights=found.times.end - found.times.start, minlength=len(names))
    rows = [
        WaitedRow(
            operator=_named(analysis, name),
            count=int(many),
            total_ns=int(ns),
        )
        for name, many, ns in zip(names, count, total, strict=True)
    ]
    return sorted(rows, key=lambda row: (-row.total_ns, row.operator))


def _names_of_ends(analysis: Analysis, ended_by: Ids) -> Ids:
    """Return the name (index) of the operator around the launch that ended a gap, else of it."""
    trace = analysis.trace
    own = (trace.host if analysis.device is None else trace.device).name
    outer = callers(trace, analysis.links, _causes(analysis, ended_by))
    by_operator, itself = (np.append(names, np.int32(-1)) for names in (trace.host.name, own))
    return np.where(outer >= 0, by_operator[outer], itself[ended_by])


@dataclass(frozen=True, kw_only=True)
class _Did:
    kind: str
    ns: int
    row: int = -1
    """Of the host; -1: nothing that the trace names."""


def _doing(analysis: Analysis, thread: int, start: int, end: int) -> _Did:
    if thread < 0:
        return _Did(kind=_UNKNOWN, ns=0)
    host = analysis.trace.host
    rows, overlap = _inside(analysis, thread, start, end)
    own = _own(analysis.links.parent, rows, overlap)
    nameless = end - start - int(own.sum())
    most = np.flatnonzero(2 * overlap >= end - start)
    if len(most):
        inner = most[np.argmin(host.duration[rows[most]])]
        return _did(analysis, int(rows[inner]), int(overlap[inner]))
    if not len(rows):
        return _Did(kind=_NONE, ns=nameless)
    _, first, which = np.unique(host.name[rows], return_index=True, return_inverse=True)
    time = np.bincount(which, weights=own)
    best = int(time.argmax())
    if nameless >= time[best]:
        return _Did(kind=_NONE, ns=nameless)
    return _did(analysis, int(rows[first[best]]), int(time[best]))


def _did(analysis: Analysis, row: int, ns: int) -> _Did:
    kind = Kind(int(analysis.trace.host.kind[row]))
    return _Did(kind=kind.name.lower(), ns=ns, row=row)


def _inside(analysis: Analysis, thread: int, start: int, end: int) -> tuple[NDArray[np.intp], Ns]:
    """Return rows of a thread within a time, without steps, and how much of it each takes."""
    trace, host = analysis.trace, analysis.trace.host
    first, behind = np.searchsorted(host.thread, [thread, thread + 1])
    behind = first + np.searchsorted(host.start[first:behind], end)
    rows = np.arange(first, behind)
    rows = rows[host.end[first:behind] > start]
    steps = [one for one in np.unique(host.name[rows]) if STEP.match(trace.names[one])]
    rows = rows[~np.isin(host.name[rows], steps)]
    return rows, np.minimum(host.end[rows], end) - np.maximum(host.start[rows], start)


def _own(parent: Ids, rows: NDArray[np.intp], overlap: Ns) -> Ns:
    """Return of each row's time that which no row directly below it takes, ns."""
    above = parent[rows]
    at = np.minimum(np.searchsorted(rows, above), max(len(rows) - 1, 0))
    inside = (above >= 0) & (rows[at] == above) if len(rows) else np.zeros(0, dtype=bool)
    own = overlap.copy()
    np.subtract.at(own, at[inside], overlap[inside])
    return np.maximum(own, 0)
