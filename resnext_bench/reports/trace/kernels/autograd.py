"""What autograd did after a backward call: whether the gradient of a weight was added up next."""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import Host, Ids, Kind, Trace
from resnext_bench.reports.trace.time.links import of_names

_ACCUMULATES, _CASTS, _OTHER = 1, 2, 3
_NODES: Final = (
    (
        re.compile(r"(autograd::engine::evaluate_function: )?torch::autograd::AccumulateGrad$"),
        _ACCUMULATES,
    ),
    (re.compile(r"(autograd::engine::evaluate_function: )?To(Copy)?Backward\d*$"), _CASTS),
    (re.compile(r"autograd::engine::evaluate_function: |\w+Backward\d*$"), _OTHER),
)
"""Nodes of the graph, as old and new versions name their rows."""


def accumulated_next(trace: Trace, calls: Ids) -> NDArray[np.bool_]:
    """Return of each call whether autograd's next node on its thread adds up a leaf's gradient.

    That is so at once where a weight's gradient was computed: such nodes go before all others. A
    cast of the gradient (autocast) may lie between.
    """
    host = trace.host
    node = np.where(host.kind == Kind.OPERATOR, of_names(trace.names, _node)[host.name], -1)
    rows = np.flatnonzero(node > 0)
    return np.array(
        [_next(host, node, rows, int(call)) == _ACCUMULATES for call in calls], dtype=bool
    )


def _next(host: Host, node: Ids, rows: NDArray[np.intp], call: int) -> int:
    """Return which node comes after a call, casts left out; 0: none."""
    end = host.start[call] + host.duration[call]
    for row in rows[np.searchsorted(rows, call, side="right") :]:
        if host.thread[row] != host.thread[call]:
            break
        if host.start[row] >= end and node[row] != _CASTS:
            return int(node[row])
    return 0


def _node(name: str) -> int | None:
    return next((one for pattern, one in _NODES if pattern.match(name)), None)
