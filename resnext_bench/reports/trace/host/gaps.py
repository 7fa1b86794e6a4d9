"""The longest times in which nothing ran, and what the host did in them.

A gap ends with work that a thread launched: that thread is looked at. What it did is the innermost
row that takes at least half of the gap; else the name with most time of its own; else nothing that
the trace names, which is Python or the framework.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_host import GapRow, WaitedRow
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.host.rows import STEP, callers, name_at, used_windows
from resnext_bench.reports.trace.reading.trace import Ids, Kind, Ns
from resnext_bench.reports.trace.time.intervals import Times
from resnext_bench.reports.trace.time.intervals import gaps as free_times
from resnext_bench.reports.trace.time.links import of_names

LONGEST: Final = 5
_NONE, _UNKNOWN = "none", "unknown"


@dataclass(frozen=True, kw_only=True, eq=False)
class Gaps:
    """All gaps of the used steps."""

    times: Times
    ended_by: Ids
    """Row of the device, on a CPU of the host, that begins where each gap ends; -1: none."""

    @property
    def of_half(self) -> int:
        """How many of the longest make up half of them all."""
        longest = np.cumsum(np.sort(self.times.end - self.times.start)[::-1])
        return int(np.searchsorted(longest, longest[-1] / 2)) + 1 if len(longest) else 0


def gaps(analysis: Analysis) -> Gaps:
    """Find them."""
    trace = analysis.trace
    times = free_times(analysis.busy.any, used_windows(analysis))
    if analysis.device is None:
        rows = np.flatnonzero(trace.host.kind == Kind.OPERATOR)
        start = trace.host.start[rows]
    else:
        rows = np.flatnonzero(trace.device.device == analysis.device)
        start = trace.device.start[rows]
    order = np.argsort(start, kind="stable")
    at = np.searchsorted(start[order], times.end)
    last = np.minimum(at, len(rows) - 1)
    ends = (at < len(rows)) & (start[order[last]] == times.end)
    return Gaps(times=times, ended_by=np.where(ends, rows[order[last]], -1).astype(np.int32))


def longest(analysis: Analysis, found: Gaps) -> list[GapRow]:
    """A row for each of the longest gaps."""
    length = found.times.end - found.times.start
    order = np.argsort(-length, kind="stable")[:LONGEST]
    return [_row(analysis, found, int(one)) for one in order]


def _row(analysis: Analysis, found: Gaps, at: int) -> GapRow:
    start, end = int(found.times.start[at]), int(found.times.end[at])
    ended_by = int(found.ended_by[at])
    caused_by = _caused_by(analysis, ended_by)
    did = _doing(analysis, caused_by, start, end)
    return GapRow(
        step=_step(analysis, start),
        start_ns=start,
        length_ns=end - start,
        doing=name_at(analysis.trace, did.row),
        doing_kind=did.kind,
        doing_ns=did.ns,
        operator=_around(analysis, did.row),
        before=_before(analysis, ended_by),
    )


def _step(analysis: Analysis, moment: int) -> int | None:
    steps = analysis.steps
    inside = (steps.windows.start <= moment) & (moment < steps.windows.end) & steps.used
    which = np.flatnonzero(inside)
    return int(steps.numbers[which[0]]) if steps.marked and len(which) else None


def _caused_by(analysis: Analysis, ended_by: int) -> int:
    """Row of the host that launched what ended a gap; on a CPU that row itself; -1: not known."""
    if ended_by < 0 or analysis.device is None:
        return ended_by
    launch = int(analysis.links.launch[ended_by])
    return launch if launch >= 0 else int(analysis.links.operator[ended_by])


def _around(analysis: Analysis, row: int) -> str:
    """The outermost operator around a row; empty where that is none, or the row itself."""
    (around,) = callers(analysis.trace, analysis.links, np.array([row]))
    return name_at(analysis.trace, int(around)) if around != row else ""


def _before(analysis: Analysis, ended_by: int) -> str:
    return str(_names_of_ends(analysis, np.array([ended_by], dtype=np.int32))[0])


def waited_for(analysis: Analysis, found: Gaps) -> list[WaitedRow]:
    """A row for each operator whose work ended gaps, most time first."""
    if not len(found.ended_by):
        return []
    length = found.times.end - found.times.start
    names, which, count = np.unique(
        _names_of_ends(analysis, found.ended_by), return_inverse=True, return_counts=True
    )
    total = np.bincount(which, weights=length).astype(np.int64)
    rows = [
        WaitedRow(operator=name, count=many, total_ns=ns)
        for name, many, ns in zip(names.tolist(), count.tolist(), total.tolist(), strict=True)
    ]
    return sorted(rows, key=lambda row: (-row.total_ns, row.operator))


def _names_of_ends(analysis: Analysis, ended_by: Ids) -> NDArray[Any]:
    """Of each end of a gap the operator around its launch, else that call, else the kernel."""
    trace, links = analysis.trace, analysis.links
    names = np.array([*trace.names, ""], dtype=object)
    if analysis.device is None:
        cause = itself = ended_by
        own = trace.host.name
    else:
        launch, operator = (np.append(one, np.int32(-1)) for one in (links.launch, links.operator))
        cause = np.where(launch[ended_by] >= 0, launch[ended_by], operator[ended_by])
        itself, own = ended_by, trace.device.name
    outer = callers(trace, links, cause)
    host_name = np.append(trace.host.name, np.int32(-1))
    named = np.where(outer >= 0, host_name[outer], np.append(own, np.int32(-1))[itself])
    return names[named]


@dataclass(frozen=True, kw_only=True)
class _Did:
    kind: str
    ns: int
    row: int = -1
    """Of the host; -1: nothing that the trace names."""


def _doing(analysis: Analysis, caused_by: int, start: int, end: int) -> _Did:
    if caused_by < 0:
        return _Did(kind=_UNKNOWN, ns=0)
    host = analysis.trace.host
    rows, overlap = _inside(analysis, int(host.thread[caused_by]), start, end)
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
    """Rows of a thread within a time, and how much of it each takes; steps are not meant."""
    trace, host = analysis.trace, analysis.trace.host
    first, behind = np.searchsorted(host.thread, [thread, thread + 1])
    behind = first + np.searchsorted(host.start[first:behind], end)
    rows = np.arange(first, behind)
    rows = rows[host.end[first:behind] > start]
    steps = of_names(trace.names, lambda name: 1 if STEP.match(name) else None) > 0
    rows = rows[~steps[host.name[rows]]]
    return rows, np.minimum(host.end[rows], end) - np.maximum(host.start[rows], start)


def _own(parent: Ids, rows: NDArray[np.intp], overlap: Ns) -> Ns:
    """Of each row's time that which no row directly below it takes, ns."""
    above = parent[rows]
    at = np.minimum(np.searchsorted(rows, above), max(len(rows) - 1, 0))
    inside = (above >= 0) & (rows[at] == above) if len(rows) else np.zeros(0, dtype=bool)
    own = overlap.copy()
    np.subtract.at(own, at[inside], overlap[inside])
    return np.maximum(own, 0)
