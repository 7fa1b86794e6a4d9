"""Rows of the host above others, for those rows alone that are asked about."""

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import Ids


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
