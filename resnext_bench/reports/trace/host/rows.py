"""Which rows of the host count, and which operator a user would recognise around them."""

import re
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.reading.trace import Ids, Kind, Trace
from resnext_bench.reports.trace.time.intervals import Windows
from resnext_bench.reports.trace.time.links import Links, of_names

STEP: Final = re.compile(r"ProfilerStep")
_LIBRARY: Final = re.compile(r"(?!autograd::|torch::autograd::)\w+::\w")


def used_windows(analysis: Analysis) -> Windows:
    """Return the used steps where their work ran."""
    steps = analysis.steps
    return Windows(start=steps.windows.start[steps.used], end=steps.windows.end[steps.used])


def in_used_steps(analysis: Analysis) -> NDArray[np.bool_]:
    """Return whether each row of the host begins in a used step.

    Where no steps are marked all of the host's rows are in the one there is; those from before its
    first work, such as the start of the driver, are not meant.
    """
    steps, start = analysis.steps, analysis.trace.host.start
    inside = np.append(steps.used, False)[steps.of_host]
    if not steps.marked:
        inside &= (start >= steps.windows.start.min()) & (start < steps.windows.end.max())
    return inside


def callers(trace: Trace, links: Links, rows: NDArray[Any]) -> Ids:
    """Return the outermost operator of a library (aten::item) around each row, or the row itself.

    Autograd's operators only wrap others, and Python's may be anything: where none of a library is
    there it is the innermost of these. -1: no operator is around it. Steps are no operators.
    """
    host, parent = trace.host, links.parent
    above = np.asarray(rows, dtype=np.int32)
    outer = np.full(len(above), -1, dtype=np.int32)
    if not len(host):
        return outer
    inner = outer.copy()
    library = of_names(trace.names, lambda name: 1 if _LIBRARY.match(name) else None) > 0
    step = of_names(trace.names, lambda name: 1 if STEP.match(name) else None) > 0
    while (above >= 0).any():
        name = host.name[above]
        operator = (above >= 0) & (host.kind[above] == Kind.OPERATOR) & ~step[name]
        inner = np.where(operator & (inner < 0), above, inner)
        outer = np.where(operator & library[name], above, outer)
        above = np.where(above >= 0, parent[above], np.int32(-1))
    return np.where(outer >= 0, outer, inner)


def name_at(trace: Trace, row: int) -> str:
    """Return the name of a row of the host; empty for -1."""
    return trace.names[trace.host.name[row]] if row >= 0 else ""
