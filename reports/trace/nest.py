"""Who encloses whom on a thread: rows of the host as a tree, and what rows have from above."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from reports.trace.trace import Host, Ids

_AT_ONCE: Final = 1 << 15
"""Rows turned into Python's numbers at once, which take five times the memory."""


def parents(host: Host) -> Ids:
    """The row that encloses each row, the innermost one; -1: none. Parents come before children.

    A row belongs to the last one on its thread that has begun before it and has not ended: rows
    that overlap without nesting, as asynchronous annotations do, have a parent, too.
    """
    found = np.full(len(host), -1, dtype=np.int32)
    edges = np.flatnonzero(np.diff(host.thread)) + 1
    stack: list[tuple[int, int]] = []
    for first in range(0, len(host), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        fresh = set(edges[(edges >= first) & (edges < first + _AT_ONCE)].tolist())
        rows = zip(host.start[part].tolist(), host.end[part].tolist(), strict=True)
        above = []
        for row, (start, end) in enumerate(rows, first):
            if row in fresh:
                stack.clear()
            while stack and (stack[-1][0] <= start and stack[-1][0] < end):
                stack.pop()
            above.append(stack[-1][1] if stack else -1)
            stack.append((end, row))
        found[part] = above
    return found


def inherited(own: NDArray[np.int32], parent: Ids) -> NDArray[np.int32]:
    """Each row's own value, else that of the nearest row above that has one; -1: none has."""
    value, above = own.copy(), parent.copy()
    while (open_ := np.flatnonzero((value < 0) & (above >= 0))).size:
        value[open_] = value[above[open_]]
        above[open_] = np.where(value[open_] < 0, above[above[open_]], -1)
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
