"""Who encloses whom on a thread: rows of the host as a tree, and what lies above a row."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import Host, Ids, Modules, Ns

_AT_ONCE: Final = 1 << 17
"""Rows that are looked at in one go, so that what is needed besides stays small."""


def parents(host: Host | Modules) -> Ids:
    """The row that encloses each row, the innermost one; -1: none. Parents come before children.

    A row belongs to the last one on its thread that has begun before it and has not ended: rows
    that overlap without nesting, as asynchronous annotations do, have a parent, too.

    All rows look at once, each first at the row before it. One that has ended hands on the row that
    it looks at itself: whatever lies between has ended as well. Siblings so halve the distance in
    each round; there are as many rounds as rows are nested deep, and log2(rows).
    """
    found = np.arange(-1, len(host) - 1, dtype=np.int32)
    found[np.flatnonzero(np.diff(host.thread)) + 1] = -1
    start, end = host.start, host.end
    for first in range(0, len(host), _AT_ONCE):
        part = np.arange(first, min(first + _AT_ONCE, len(host)), dtype=np.int32)
        _climb(start, end, found, part[found[part] >= 0])
    return found


def _climb(start: Ns, end: Ns, found: Ids, open_: Ids) -> None:
    """Until each of these rows has found one that has not ended, or none."""
    while open_.size:
        ended = end[found[open_]]
        open_ = open_[(ended <= start[open_]) & (ended < end[open_])]
        found[open_] = found[found[open_]]
        open_ = open_[found[open_] >= 0]


def inherited(own: NDArray[np.int32], parent: Ids) -> NDArray[np.int32]:
    """Each row's own value, else that of the nearest row above that has one; -1: none has."""
    value, above = own.copy(), parent.copy()
    while (open_ := np.flatnonzero((value < 0) & (above >= 0))).size:
        value[open_] = value[above[open_]]
        above[open_] = np.where(value[open_] < 0, above[above[open_]], -1)
    return value


def nearest(own: NDArray[np.int32], parent: Ids, rows: Ids) -> NDArray[np.int32]:
    """What `inherited` gives for these rows alone (-1: no row, no value), without all others."""
    none = np.int32(-1)
    own, parent = np.append(own, none), np.append(parent, none)
    value, above = own[rows], parent[rows]
    while (open_ := np.flatnonzero((value < 0) & (above >= 0))).size:
        value[open_] = own[above[open_]]
        above[open_] = parent[above[open_]]
    return value


def topmost(own: NDArray[np.int32], parent: Ids) -> NDArray[np.int32]:
    """The value of the outermost row that has one, among a row and all above it; -1: none has."""
    value, above = own.copy(), parent.copy()
    while (open_ := np.flatnonzero(above >= 0)).size:
        higher = value[above[open_]]
        value[open_] = np.where(higher >= 0, higher, value[open_])
        above[open_] = above[above[open_]]
    return value


def self_times(host: Host, parent: Ids) -> NDArray[np.int64]:
    """Each row's time without that of the rows directly below it, ns.

    A child that ends after its parent (time stamps are rounded) counts to the parent's end, so that
    no time of a parent is negative.
    """
    child = np.flatnonzero(parent >= 0)
    above = parent[child]
    inside = np.minimum(host.end[child], host.end[above]) - host.start[child]
    below = np.bincount(above, weights=np.maximum(inside, 0), minlength=len(host))
    return host.duration - below.astype(np.int64)


def innermost(wanted: NDArray[np.bool_], parent: Ids, rows: Ids) -> Ids:
    """Return of each row the nearest wanted one among itself and all above it; -1: none."""
    found = rows.copy()
    open_ = np.flatnonzero(found >= 0)
    while (open_ := open_[~wanted[found[open_]]]).size:
        found[open_] = parent[found[open_]]
        open_ = open_[found[open_] >= 0]
    return found


def outermost(wanted: NDArray[np.bool_], parent: Ids, rows: Ids) -> Ids:
    """Return of each row the farthest wanted one among itself and all above it; -1: none."""
    distinct, which = np.unique(rows, return_inverse=True)
    found, above = np.full(len(distinct), -1, dtype=np.int32), distinct.astype(np.int32)
    while (open_ := np.flatnonzero(above >= 0)).size:
        hit = open_[wanted[above[open_]]]
        found[hit] = above[hit]
        above[open_] = parent[above[open_]]
    return found[which]
