"""Sums of the work in each module, in whole ns."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_layers import LayerClass
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.kernels.device_work import CLASSES, CORES, Work
from resnext_bench.reports.trace.layers.places import Places
from resnext_bench.reports.trace.layers.tree import Tree
from resnext_bench.reports.trace.layers.work import Placed
from resnext_bench.reports.trace.names.classes import ELIGIBLE, TensorCore
from resnext_bench.reports.trace.reading.trace import Ns


@dataclass(frozen=True, kw_only=True, eq=False)
class Sums:
    """Columns with a row for each module: what is in it and in none below, or all that is in it."""

    total: Ns
    forward: Ns
    backward: Ns
    again: Ns
    """Of backward what is forward work that is computed again."""
    idle: Ns
    classes: Ns
    """A column for each class."""
    eligible: Ns
    """Of convolutions, products and attention."""
    plain: Ns
    """Of those what ran on no tensor cores, as is known."""

    def with_below(self, tree: Tree) -> "Sums":
        """Return the same with all modules below each."""
        return Sums(**{one.name: tree.summed(getattr(self, one.name)) for one in fields(self)})


@dataclass(frozen=True, kw_only=True, eq=False)
class CallCounts:
    """How often each module was called in the used steps."""

    forward: Ns
    again: Ns
    """During backward, to be computed again."""


def summed(at: NDArray[Any], values: NDArray[Any], count: int) -> Ns:
    """Return sums of whole numbers by where they belong, exact."""
    found = np.zeros(count, dtype=np.int64)
    np.add.at(found, at, values)
    return found


def sums(work: Work, put: Placed, idle: Ns, count: int) -> Sums:
    """Return what is in each of `count` modules; `idle`: what each row of work has ended."""

    def of(values: Ns, which: NDArray[np.bool_]) -> Ns:
        mine = which & (put.module >= 0)
        return summed(put.module[mine], values[mine], count)

    every = np.ones(len(put.module), dtype=bool)
    eligible = work.of(*ELIGIBLE)
    inside = put.module >= 0
    key = put.module[inside].astype(np.int64) * len(CLASSES) + work.cls[inside]
    return Sums(
        total=of(work.duration, every),
        forward=of(work.duration, ~put.backward),
        backward=of(work.duration, put.backward),
        again=of(work.duration, put.again),
        idle=of(idle, every),
        classes=summed(key, work.duration[inside], count * len(CLASSES)).reshape(count, -1),
        eligible=of(work.duration, eligible),
        plain=of(work.duration, eligible & (work.core == CORES.index(TensorCore.NO))),
    )


def calls_of(analysis: Analysis, places: Places) -> CallCounts | None:
    """Count the calls that began on the host in a used step.

    None where rows tell no calls, and in a range of time on a device, which trails the host.
    """
    steps, calls = analysis.steps, places.calls
    is_range = steps.source.kind == "range"
    if not places.counts_calls or (is_range and analysis.device is not None):
        return None
    used = calls.module >= 0
    if steps.marked or is_range:
        at = np.searchsorted(steps.host.start, calls.start, side="right") - 1
        inside = (at >= 0) & (calls.start < steps.host.end[np.maximum(at, 0)])
        used = used & inside & steps.used[np.maximum(at, 0)]

    def of(which: NDArray[np.bool_]) -> Ns:
        mine = calls.module[used & which]
        return summed(mine, np.ones(len(mine), dtype=np.int64), len(places.tree))

    return CallCounts(forward=of(~calls.again), again=of(calls.again))


def classes_of(times: Ns) -> list[LayerClass]:
    """Return the classes that have time, most first."""
    order = sorted(np.flatnonzero(times).tolist(), key=lambda one: (-times[one], one))
    return [LayerClass(cls=CLASSES[one], total_ns=int(times[one])) for one in order]
