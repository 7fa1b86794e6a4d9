"""What a CPU did: each moment of a thread belongs to one row, the innermost that counts.

Operators and spans of communication count. Calls of the runtime and annotations are transparent:
their time is that of the operator around them. So the times of a thread's rows add up to the time
in which any of them ran, exactly, even where they overlap without nesting, as spans of gloo do.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import Host, Ids, Kind, Ns
from resnext_bench.reports.trace.time.nest import inherited, parents, self_times


@dataclass(frozen=True, kw_only=True, eq=False)
class HostWork:
    """Columns of equal length."""

    row: NDArray[np.intp]
    """Rows of the host that count."""
    duration: Ns
    """In which each is the innermost of its thread, ns."""
    talks: NDArray[np.bool_]
    """Whether it is communication, or lies within some."""


def host_work(host: Host, talks: NDArray[np.bool_]) -> HostWork:
    """Return all of it; `talks`: whether each row of the host is communication by its name."""
    talks = talks & np.isin(host.kind, (Kind.OPERATOR, Kind.ANNOTATION))
    rows = np.flatnonzero((host.kind == Kind.OPERATOR) | talks)
    counted = host.take(rows)
    parent = parents(counted)
    inside = inherited(np.where(talks[rows], np.int32(1), np.int32(-1)), parent) > 0
    return HostWork(row=rows, duration=own_times(counted, parent), talks=inside)


def own_times(host: Host, parent: Ids) -> Ns:
    """Return for how long each row is the innermost of its thread, ns."""
    found = self_times(host, parent)
    above = parent[np.maximum(parent, 0)]
    # One that outlives its parent takes time of the rows above that, too.
    outlives = (parent >= 0) & (above >= 0) & (host.end > host.end[np.maximum(parent, 0)])
    if not outlives.any():
        return found
    odd = np.isin(host.thread, np.unique(host.thread[outlives]))
    found[odd] = 0
    owner, length = _owners(host, parent, np.flatnonzero(odd))
    np.add.at(found, owner, length)
    return found


def _owners(host: Host, parent: Ids, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], Ns]:
    """Return the innermost row between any two moments of a thread, and how far they are apart."""
    moment = np.concatenate([host.start[rows], host.end[rows]])
    thread = np.tile(host.thread[rows], 2)
    begins = np.arange(len(moment)) < len(rows)
    order = np.lexsort((moment, thread))
    moment, thread, begins = moment[order], thread[order], begins[order]
    begun = np.cumsum(begins)  # rows are in this very order, so that it is a number of a row
    apart = np.append(np.diff(moment), 0)
    some = np.flatnonzero(np.append(np.diff(thread) == 0, False) & (apart > 0))
    owner = rows[np.maximum(begun[some] - 1, 0)]
    since = moment[some]
    while (ended := np.flatnonzero((owner >= 0) & (host.end[owner] <= since))).size:
        owner[ended] = parent[owner[ended]]
    own = owner >= 0
    return owner[own], apart[some][own]
