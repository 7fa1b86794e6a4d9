"""Backward calls with one product alone, which neither a name nor what was asked for explains.

That of a network's first layer is the gradient of the weight: images want none. It is known for one
by what autograd did next, or where it records nothing, by its place behind all others.
"""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import Host, Ids, Kind, Trace
from resnext_bench.reports.trace.time.links import of_names

_ADDS, _CASTS, _OTHER = 1, 2, 3
_NODE: Final = r"(?:autograd::engine::evaluate_function: )?"
_NODES: Final = (
    (re.compile(rf"{_NODE}(?:torch::autograd::)?AccumulateGrad$"), _ADDS),
    (re.compile(rf"{_NODE}To(?:Copy)?Backward\d*$"), _CASTS),
    (re.compile(r"autograd::engine::evaluate_function: |\w+Backward\d*$"), _OTHER),
)
"""Nodes of the graph, as old and new versions name their rows."""
_FORWARD: Final = re.compile(r"\w+::(?!\w*backward)\w*conv(?:olution|\d|_)\w*$")


def of_weights(
    trace: Trace,
    calls: Ids,
    replay: Ids,
    alone: NDArray[np.bool_],
    both: NDArray[np.bool_],
) -> list[int]:
    """Return which of the backward calls that are alone have the gradient of the weight.

    `both` says which ones have both gradients: the weights of some layers are trained. `replay`:
    of a graph, in which each of them is.
    """
    candidates = np.flatnonzero(alone)
    if not candidates.size or not both.any():
        return []
    host = trace.host
    node = np.where(host.kind == Kind.OPERATOR, of_names(trace.names, _node)[host.name], -1)
    rows = np.flatnonzero(node > 0)
    if rows.size:
        return [one for one in candidates.tolist() if _next(host, node, rows, calls[one]) == _ADDS]
    last = set(_last_ones(trace, calls, replay, both))
    return [one for one in candidates.tolist() if one in last]


def _next(host: Host, node: Ids, rows: NDArray[np.intp], call: int) -> int:
    """Return which node comes after a call on its thread, casts left out; 0: none.

    The gradient of a weight is added up at once, as such nodes go before all others.
    """
    end = host.start[call] + host.duration[call]
    for row in rows[np.searchsorted(rows, call, side="right") :]:
        if host.thread[row] != host.thread[call]:
            break
        if host.start[row] >= end and node[row] != _CASTS:
            return int(node[row])
    return 0


def _node(name: str) -> int | None:
    return next((one for pattern, one in _NODES if pattern.match(name)), None)


def _last_ones(trace: Trace, calls: Ids, replay: Ids, both: NDArray[np.bool_]) -> list[int]:
    """Return the last call of each backward pass in which all others have both gradients.

    A pass is what one thread does without a convolution's forward, of any thread, in between.
    """
    host = trace.host
    is_forward = of_names(trace.names, lambda name: 1 if _FORWARD.match(name) else None)
    forward = np.sort(host.start[is_forward[host.name] > 0])
    order = np.lexsort((host.start[calls], host.thread[calls], replay))
    thread = host.thread[calls[order]]
    before = np.searchsorted(forward, host.start[calls[order]])
    changes = (np.diff(thread) != 0) | (np.diff(before) != 0) | (np.diff(replay[order]) != 0)
    begins = np.append(True, changes)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(order)) - 1
    counts = np.append(0, np.cumsum(both[order]))
    all_others = (counts[last] - counts[first] == last - first) & (last > first)
    found: list[int] = order[last[all_others]].tolist()
    return found
