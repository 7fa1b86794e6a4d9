"""Which module each kernel is of, and what those that are of none are for.

Each row of the work in the used steps has exactly one place, so that all of them add up to it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.kernels.device_work import Work
from resnext_bench.reports.trace.layers.places import Places
from resnext_bench.reports.trace.names.classes import Class
from resnext_bench.reports.trace.names.operators import operator
from resnext_bench.reports.trace.reading.trace import Ids, Trace
from resnext_bench.reports.trace.time.intervals import Windows, gaps
from resnext_bench.reports.trace.time.links import Pass, of_names


class Outside(StrEnum):
    """What work is for that is in no module."""

    OPTIMIZER = "optimizer"
    REDUCTION = "gradient reduction"
    """Communication during the backward pass."""
    COMMUNICATION = "communication"
    ACCUMULATION = "gradient accumulation"
    """What autograd does with a finished gradient, buckets included."""
    LOSS = "loss"
    DATA = "data"
    """Batches and their copies to the device."""
    GRAPH = "CUDA graph"
    """Kernels of a captured graph: what launched them when it was captured is not known."""
    FORWARD = "other forward"
    BACKWARD = "other backward"
    OTHER = "other"
    UNLINKED = "launch not in the trace"


OUTSIDE: Final = tuple(Outside)
_ACCUMULATES: Final = re.compile(r".*AccumulateGrad")
_LOADS: Final = re.compile(r"enumerate\(DataLoader\)|## (next batch|copy) ##|\w*DataLoader\w*\.")
_GRAPH: Final = re.compile(r"(cuda|hip)GraphLaunch|cuGraphLaunch")
_TO_DEVICE: Final = re.compile(r"Memcpy HtoD|CopyHostToDevice")


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """Columns beside those of the work."""

    module: Ids
    """Index into the tree of modules; -1: in none."""
    outside: NDArray[np.int8]
    """Index into OUTSIDE of what is in no module; -1: in a module."""
    backward: NDArray[np.bool_]
    """Whether it is of the backward pass, what is computed again included."""
    again: NDArray[np.bool_]
    """Whether it is forward work that is computed again during the backward pass."""


def placed(analysis: Analysis, places: Places) -> Placed:
    """Find all of it."""
    work = analysis.work
    origin = origins(analysis, work.itself)
    module = places.of(origin)
    backward = np.append(places.node, np.int32(-1))[origin] >= 0
    outside = np.full(len(module), -1, dtype=np.int8)
    free = np.flatnonzero(module < 0)
    if free.size:
        outside[free] = _outside(analysis, places, free, origin[free], backward[free])
    return Placed(
        module=module,
        outside=outside,
        backward=backward,
        again=np.append(places.again, False)[origin],
    )


def origins(analysis: Analysis, rows: NDArray[np.intp]) -> Ids:
    """Return the rows of the host that these rows come from: their launch, else their operator.

    What a graph replays comes from the launch when it was captured, where that is known.

    On a CPU they are rows of the host themselves.
    """
    if analysis.device is None:
        return rows.astype(np.int32)
    launch = analysis.links.origin[rows]
    return np.where(launch >= 0, launch, analysis.links.operator[rows])


def _outside(
    analysis: Analysis,
    places: Places,
    free: NDArray[np.intp],
    origin: Ids,
    backward: NDArray[np.bool_],
) -> NDArray[np.int8]:
    """Return what work is for that is in no module; what is asked first counts."""
    trace, work = analysis.trace, analysis.work
    above = _Above(analysis, origin)
    passes = work.passes[free]
    backward = backward | (passes == Pass.BACKWARD)
    talks = work.of(Class.COMMUNICATION)[free]
    forward = np.append(places.forward, np.int32(-1))[np.append(places.node, -1)[origin]]
    loss = of_names(trace.names, lambda name: 1 if operator(name) is Class.LOSS else None) > 0
    is_loss = above.any(loss) | _Above(analysis, forward).any(loss)
    moves = work.transfer[free] & (_flags(trace, _TO_DEVICE)[work.name[free]])
    answers = (
        (Outside.UNLINKED, origin < 0),
        (Outside.OPTIMIZER, passes == Pass.OPTIMIZER),
        (Outside.REDUCTION, talks & backward),
        (Outside.COMMUNICATION, talks),
        (Outside.ACCUMULATION, above.any(_flags(trace, _ACCUMULATES))),
        (Outside.LOSS, is_loss),
        (Outside.DATA, moves | above.any(_flags(trace, _LOADS))),
        (Outside.GRAPH, above.any(_flags(trace, _GRAPH))),
        (Outside.BACKWARD, backward),
        (Outside.FORWARD, passes == Pass.FORWARD),
    )
    found = np.full(len(free), OUTSIDE.index(Outside.OTHER), dtype=np.int8)
    for what, which in reversed(answers):
        found[which] = OUTSIDE.index(what)
    return found


def _flags(trace: Trace, pattern: re.Pattern[str]) -> NDArray[np.bool_]:
    return of_names(trace.names, lambda name: 1 if pattern.match(name) else None) > 0


@dataclass(frozen=True, eq=False)
class _Above:
    """Some rows of the host, and all rows around them."""

    analysis: Analysis
    rows: Ids
    """-1: no row."""

    def any(self, named: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return whether each row or one around it has a name of these; by the trace's names."""
        host, parent = self.analysis.trace.host, self.analysis.links.parent
        found = np.zeros(len(self.rows), dtype=bool)
        distinct, at = np.unique(self.rows, return_inverse=True)
        known = np.zeros(len(distinct), dtype=bool)
        open_ = np.flatnonzero(distinct >= 0)
        row = distinct.copy()
        while open_.size:
            known[open_] = named[host.name[row[open_]]]
            row[open_] = parent[row[open_]]
            open_ = open_[~known[open_] & (row[open_] >= 0)]
        found[:] = known[at.reshape(-1)]
        return found


def gap_ends(analysis: Analysis) -> tuple[Ids, NDArray[np.int64]]:
    """Return for each idle time of the used steps the row of work that ends it, and how long it is.

    -1 where none does: the step ended first, or what ran then is of no used step.
    """
    steps, work = analysis.steps, analysis.work
    windows = Windows(start=steps.windows.start[steps.used], end=steps.windows.end[steps.used])
    free = gaps(analysis.busy.any, windows)
    start = _starts(analysis, work)
    order = np.argsort(start, kind="stable")
    at = np.minimum(np.searchsorted(start[order], free.end), max(0, len(order) - 1))
    if not len(order):
        return np.full(len(free.end), -1, dtype=np.int32), free.end - free.start
    row = order[at]
    found = np.where(start[row] == free.end, row, -1).astype(np.int32)
    return found, free.end - free.start


def _starts(analysis: Analysis, work: Work) -> NDArray[np.int64]:
    rows = analysis.trace.host if analysis.device is None else analysis.trace.device
    return rows.start[work.itself]
