"""Rows that mark a part of a program and compute nothing, whatever the trace calls them.

Until 2021 the profiler wrote what it writes as `user_annotation` today among the operators: its
own steps, the loader's batches, the optimizers' steps, and what `record_function` marks.
"""

import re
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import Host, Kind, Trace
from resnext_bench.reports.trace.time.links import of_names

_MARKER: Final = re.compile(
    r"ProfilerStep#\d+$|enumerate\(|\w*Data(Loader|Pipe)\w*[.#]|Optimizer\.\w+#|## .+ ##$|"
    r"(Distributed)?DataParallel\.forward$|PyTorch Profiler"
)
"""Fewer than names.markers knows: wrappers of torch.compile have kernels and sequence numbers."""


def without_markers(trace: Trace) -> Trace:
    """Return the trace with operators that only mark something as annotations."""
    marks = of_names(trace.names, lambda name: 1 if _MARKER.match(name) else None)[:-1] > 0
    if not marks.any():
        return trace
    host = trace.host
    rows = (host.kind == Kind.OPERATOR) & marks[host.name]
    return replace(trace, host=_annotated(host, np.flatnonzero(rows))) if rows.any() else trace


def _annotated(host: Host, rows: NDArray[np.intp]) -> Host:
    kind = host.kind.copy()
    kind[rows] = Kind.ANNOTATION
    return replace(host, kind=kind)
