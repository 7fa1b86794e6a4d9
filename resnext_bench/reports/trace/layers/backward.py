"""Which forward operator each backward operator belongs to.

Autograd counts the nodes of its graph, in each thread that builds one. An operator of the forward
pass has the number of the node that comes next; the last one to begin with a number made that node.
The backward operator has the node's number, and the number of the thread that made it, as autograd
counts threads. Which thread of the trace that is, is told by nothing but the numbers and the names
of its operators: where two threads fit equally well, nothing is decided.
"""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import Host, Ids, Kind, Trace
from resnext_bench.reports.trace.time.links import of_names
from resnext_bench.reports.trace.time.nest import inherited

_ENGINE: Final = re.compile(
    r"autograd::engine::evaluate_function|(void )?torch::autograd::|\w+Backward\d*$"
)
"""Names that autograd gives to nodes of its graph while it runs them."""
_NODE: Final = re.compile(r"(?:.*: )?(\w+?)(?:Backward\d*)?$")
_PLAIN: Final = re.compile(r"^(aten|cudnn|miopen|mkldnn|native|thnn|_)+(::)?|[^a-z]|_$")
_AGREEING: Final = 1 << 20
"""What a number counts whose operators' names agree, too, beside one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Matched:
    """Rows of autograd's nodes, and where they come from."""

    rows: NDArray[np.intp]
    """Rows of the host."""
    forward: tuple[Ids, ...]
    """The row of the forward operator by each thread that may have been meant; -1: none."""


def is_node(trace: Trace) -> NDArray[np.bool_]:
    """Return for each row of the host whether autograd runs a node of its graph in it."""
    host = trace.host
    named = of_names(trace.names, lambda name: 1 if _ENGINE.match(name) else None)[host.name] > 0
    nodes: NDArray[np.bool_] = (host.forward_thread > 0) | (named & (host.kind != Kind.LAUNCH))
    return nodes


def enclosing(own: NDArray[np.bool_], parent: Ids) -> Ids:
    """Return the nearest of these rows at or above each row of the host; -1: none."""
    numbers = np.where(own, np.arange(len(own), dtype=np.int32), np.int32(-1))
    return inherited(numbers, parent)


def matched(trace: Trace, nodes: NDArray[np.bool_]) -> list[Matched]:
    """Return for each thread that autograd names the forward operators of its nodes."""
    host = trace.host
    back = np.flatnonzero(nodes & (host.sequence >= 0))
    made = np.flatnonzero(~nodes & (host.sequence >= 0) & (host.kind == Kind.OPERATOR))
    if not len(back) or not len(made):
        return []
    made = made[np.lexsort((host.start[made], host.sequence[made], host.thread[made]))]
    found = []
    for told in np.unique(host.forward_thread[back]):
        rows = back[host.forward_thread[back] == told]
        if forward := _forward(trace, rows, made):
            found.append(Matched(rows=rows, forward=forward))
    return found


def _forward(trace: Trace, rows: NDArray[np.intp], made: NDArray[np.intp]) -> tuple[Ids, ...]:
    """Return the operators by each thread that fits best; where none is told, by all that fit."""
    host = trace.host
    fits: list[tuple[int, Ids]] = []
    for thread in np.unique(host.thread[made]):
        mine = made[host.thread[made] == thread]
        found = _last_before(host, mine, rows)
        hits = np.flatnonzero(found >= 0)
        if hits.size:
            fits.append((_score(trace, rows[hits], found[hits]), found))
    told = int(host.forward_thread[rows[0]]) > 0
    best = max((score for score, _ in fits), default=0) if told else 0
    return tuple(found for score, found in fits if score >= best)


def _last_before(host: Host, made: NDArray[np.intp], rows: NDArray[np.intp]) -> Ids:
    """Return the last operator to begin with each row's number, if it began before the row did."""
    at = np.searchsorted(host.sequence[made], host.sequence[rows], side="right") - 1
    found = made[np.maximum(at, 0)]
    fits = (at >= 0) & (host.sequence[found] == host.sequence[rows])
    fits &= host.start[found] <= host.start[rows]
    return np.where(fits, found, -1).astype(np.int32)


def _score(trace: Trace, rows: NDArray[np.intp], found: Ids) -> int:
    """Return how well operators fit to nodes: by names first, then by how many there are."""
    names = trace.host.name
    pairs = np.stack([names[rows], names[found]], axis=1)
    distinct, counts = np.unique(pairs, axis=0, return_counts=True)
    agree = sum(
        int(count)
        for (node, operator), count in zip(distinct.tolist(), counts, strict=True)
        if _agree(trace.names[node], trace.names[operator])
    )
    return agree * _AGREEING + len(rows)


def _agree(node: str, operator: str) -> bool:
    """Return whether a node (`ConvolutionBackward0`) is named after an operator."""
    match = _NODE.fullmatch(node)
    if match is None:
        return False
    one, other = _plain(match[1]), _plain(operator)
    return bool(one and other) and (one.startswith(other) or other.startswith(one))


def _plain(name: str) -> str:
    """Return a name without library, underscores and capitals: `nativebatchnorm` as `batchnorm`."""
    return _PLAIN.sub("", name.lower()).removeprefix("native").replace("_", "")
