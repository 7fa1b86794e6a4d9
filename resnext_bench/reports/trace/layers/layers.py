"""Where the time of the used steps goes by module: the rows of the report."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np

from resnext_bench.reports.schema.trace_layers import Layers, OutsideRow
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.kernels.device_work import CLASSES
from resnext_bench.reports.trace.kernels.peaks import Peaks
from resnext_bench.reports.trace.kernels.tables import share
from resnext_bench.reports.trace.layers.arithmetic import NONE, arithmetic
from resnext_bench.reports.trace.layers.places import Places, Source
from resnext_bench.reports.trace.layers.rows import Rows
from resnext_bench.reports.trace.layers.sums import calls_of, classes_of, summed, sums
from resnext_bench.reports.trace.layers.work import OUTSIDE, Placed, gap_ends, placed
from resnext_bench.reports.trace.reading.trace import Ns, Trace

_COMPILED: Final = re.compile(r"Torch-Compiled Region|CompiledFunction|.*CompiledFxGraph")


def layers_of(analysis: Analysis, peaks: Peaks, step_ns: int) -> Layers:
    """Return all modules, and what is in none; `peaks`: of the device."""
    places, work = analysis.places, analysis.work
    if places.source is Source.NONE:
        return _not_recorded(analysis)
    put = placed(analysis, places)
    ended, length = gap_ends(analysis)
    idle = summed(ended[ended >= 0], length[ended >= 0], len(work.duration))
    own = sums(work, put, idle, len(places.tree))
    calls = calls_of(analysis, places)
    rows = Rows(
        places=places,
        own=own,
        total=own.with_below(places.tree),
        calls=calls,
        arithmetic=arithmetic(analysis, places, put, calls, own.backward),
        peaks=peaks,
        step_ns=step_ns,
    )
    return Layers(
        source=places.source,
        rows=rows.all(),
        outside=list(_outside(analysis, put, idle, step_ns)),
        work_ns=int(work.duration.sum()),
        idle_rest_ns=int(length[ended < 0].sum()),
        flop_from=rows.arithmetic.source,
        compiled=_compiled(analysis.trace),
        shared=_shared(places),
    )


def _not_recorded(analysis: Analysis) -> Layers:
    return Layers(
        source=Source.NONE,
        rows=[],
        outside=[],
        work_ns=int(analysis.work.duration.sum()),
        idle_rest_ns=0,
        flop_from=NONE,
        compiled=_compiled(analysis.trace),
        shared=[],
    )


def _compiled(trace: Trace) -> bool:
    return any(_COMPILED.match(name) for name in trace.names)


def _outside(analysis: Analysis, put: Placed, idle: Ns, step_ns: int) -> Iterator[OutsideRow]:
    """Yield a row for each purpose that work in no module has, most time first."""
    work = analysis.work
    free = put.module < 0
    at = put.outside[free]
    total = summed(at, work.duration[free], len(OUTSIDE))
    waited = summed(at, idle[free], len(OUTSIDE))
    cls = summed(
        at.astype(np.int64) * len(CLASSES) + work.cls[free],
        work.duration[free],
        len(OUTSIDE) * len(CLASSES),
    ).reshape(len(OUTSIDE), -1)
    there = np.unique(at).tolist()
    for what in sorted(there, key=lambda one: (-total[one], one)):
        yield OutsideRow(
            what=OUTSIDE[what],
            total_ns=int(total[what]),
            share=share(int(total[what]), step_ns),
            idle_ns=int(waited[what]),
            classes=classes_of(cls[what]),
        )


def _shared(places: Places) -> list[str]:
    """Return instances that stand in several places of the tree."""
    if places.source is not Source.PYTHON:
        return []
    counts = Counter(places.tree.part)
    return [one for one, count in counts.items() if count > 1]
