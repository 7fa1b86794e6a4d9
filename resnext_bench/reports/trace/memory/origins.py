"""Where in the program memory was allocated: operator, module, pass, step.

An allocation lies within rows of its thread. Its operator is the outermost one that autograd does
not run as a node of its graph: `aten::conv2d` rather than the `aten::empty` far below it, and in
the backward pass `aten::convolution_backward` rather than the node around it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.layers.backward import is_node
from resnext_bench.reports.trace.layers.spans import Spans
from resnext_bench.reports.trace.reading.trace import Ids, Kind, Memory, Modules, Ns
from resnext_bench.reports.trace.time.links import Pass
from resnext_bench.reports.trace.time.marks import which
from resnext_bench.reports.trace.time.nest import outermost


@dataclass(frozen=True, kw_only=True, eq=False)
class Origins:
    """Of each row of a trace's memory where it is; -1: not told."""

    row: Ids
    """Innermost row of the host around it."""
    operator: Ids
    """Row of the host of its operator."""
    ends: Ns
    """When the outermost operator around it ends, autograd's nodes included; before all time where
    there is none."""
    module: Ids
    """Index into the tree of modules."""
    passes: Ids
    """`Pass`."""
    step: Ids
    """Index into the trace's steps, by time."""


def origins(analysis: Analysis) -> Origins:
    """Find them for all rows of the trace's memory."""
    trace, links = analysis.trace, analysis.links
    host, memory = trace.host, trace.memory
    row = _around(analysis, memory)
    is_operator = host.kind == Kind.OPERATOR
    own = is_operator & ~is_node(trace)
    top = outermost(is_operator, links.parent, row)
    operator = outermost(own, links.parent, row)
    return Origins(
        row=row,
        operator=np.where(operator >= 0, operator, top).astype(np.int32),
        ends=np.append(host.end, np.iinfo(np.int64).min)[top],
        module=analysis.places.of(row),
        passes=np.append(links.passes, np.int32(-1))[row],
        step=which(analysis.steps.host, memory.time),
    )


def _around(analysis: Analysis, memory: Memory) -> Ids:
    """Return the innermost row of the host around each row of memory."""
    host = analysis.trace.host
    count = len(memory)
    order = np.lexsort((memory.time, memory.thread))
    none = np.zeros(count, dtype=np.int32)
    rows = Modules(
        start=memory.time[order],
        duration=np.zeros(count, dtype=np.int64),
        name=none,
        kind=none.astype(np.int8),
        key=none.astype(np.int64),
        thread=memory.thread[order],
    )
    spans = Spans(thread=host.thread, start=host.start, end=host.end, parent=analysis.links.parent)
    found = np.empty(count, dtype=np.int32)
    found[order] = spans.around(rows)
    return found


NEVER: Final = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, kw_only=True, eq=False)
class Passes:
    """When each step's backward pass began and ended; where it has none, at the end of time."""

    start: Ns
    end: Ns


def backward(analysis: Analysis) -> Passes:
    """Return when the backward pass of each step began and ended, on the host."""
    host, of_host = analysis.trace.host, analysis.steps.of_host
    count = len(analysis.steps.numbers)
    rows = np.flatnonzero((analysis.links.passes == Pass.BACKWARD) & (of_host >= 0))
    start, end = np.full(count, NEVER), np.full(count, -1)
    np.minimum.at(start, of_host[rows], host.start[rows])
    np.maximum.at(end, of_host[rows], host.end[rows])
    return Passes(start=start, end=np.where(end < 0, NEVER, end))
