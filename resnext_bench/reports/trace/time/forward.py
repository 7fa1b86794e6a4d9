"""Which operators are of the forward pass, where no name says so: autograd's sequence numbers do.

An operator that autograd will have to go back through leaves a node, and takes the next number of
its thread. The node's row in the backward pass has the number, too. Operators that leave no node
are recorded with the number that comes next, so that one number stands at several rows: batches
that are loaded, for instance, have that of the first convolution. Of those rows the last to begin
left the node; it is forward, and whatever with its number lies around it. The others are forward
where they begin behind a node of their own iteration.

Without a backward pass nothing is forward: inference has none, and nothing has to be told apart.
"""

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import Host, Ids, Kind, Ns


def forward(host: Host, parent: Ids, backward: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether each row of the host is told to be forward, rows below it left out.

    `backward`: rows that are known to be of the backward pass.
    """
    found = np.zeros(len(host), dtype=bool)
    numbered = (host.kind == Kind.OPERATOR) & (host.sequence >= 0)
    last = _last(host, np.flatnonzero(numbered & backward))
    rows = np.flatnonzero(numbered & ~backward)
    if not len(last[0]) or not len(rows):
        return found
    rows = rows[_before(last, host.sequence[rows], host.start[rows])]
    if len(rows):
        nodes = _nodes(host, rows)
        found[nodes] = True
        _widen(host, parent, found, nodes)
        begun = np.sort(host.start[backward])
        found[rows[_behind_a_node(host, rows, nodes, begun)]] = True
    return found


def of_autograd(host: Host, backward: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows are on threads of autograd's own: it adds up gradients between nodes.

    They have rows that name a forward thread, and no operator with a number outside of those.
    """
    threads = np.zeros(int(host.thread.max(initial=0)) + 1, dtype=bool)
    threads[host.thread[host.backward]] = True
    outside = (host.kind == Kind.OPERATOR) & (host.sequence >= 0) & ~backward
    threads[host.thread[outside | (host.kind == Kind.ANNOTATION)]] = False
    found: NDArray[np.bool_] = threads[host.thread] & (host.kind == Kind.OPERATOR)
    return found


def within(host: Host, these: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows are one of these, or begin while one of them runs on their thread."""
    last = np.cumsum(these) - 1
    rows = np.flatnonzero(these)
    # Threads are laid out behind one another, as the rows are.
    apart = int(host.end.max(initial=0)) + 1
    reach = np.maximum.accumulate(host.end[rows] + host.thread[rows].astype(np.int64) * apart)
    begins = host.start + host.thread.astype(np.int64) * apart
    found: NDArray[np.bool_] = these | ((last >= 0) & (begins < reach[last]))
    return found


def _last(host: Host, rows: NDArray[np.intp]) -> tuple[Ids, Ns]:
    """Return each number of the backward pass, sorted, and when its last row begins."""
    order = rows[np.lexsort((host.start[rows], host.sequence[rows]))]
    number = host.sequence[order]
    ends = np.flatnonzero(np.append(np.diff(number) != 0, True)) if len(number) else order
    return number[ends], host.start[order[ends]]


def _before(last: tuple[Ids, Ns], number: Ids, start: Ns) -> NDArray[np.bool_]:
    """Return which rows have a number of the backward pass that comes after them."""
    numbers, moments = last
    at = np.minimum(np.searchsorted(numbers, number), len(numbers) - 1)
    found: NDArray[np.bool_] = (numbers[at] == number) & (start < moments[at])
    return found


def _nodes(host: Host, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return of each thread and number the row that begins last: the one that left the node."""
    order = rows[np.lexsort((rows, host.sequence[rows], host.thread[rows]))]
    thread, number = host.thread[order], host.sequence[order]
    last: NDArray[np.intp] = order[np.append((np.diff(thread) != 0) | (np.diff(number) != 0), True)]
    return last


def _widen(host: Host, parent: Ids, found: NDArray[np.bool_], nodes: NDArray[np.intp]) -> None:
    """Take in what lies around a node and has its number (linear around t)."""
    open_ = nodes
    while open_.size:
        above = parent[open_]
        same = (above >= 0) & (host.sequence[above] == host.sequence[open_])
        same &= host.kind[above] == Kind.OPERATOR
        open_ = above[same & ~found[above]]
        found[open_] = True


def _behind_a_node(
    host: Host, rows: NDArray[np.intp], nodes: NDArray[np.intp], backward: Ns
) -> NDArray[np.bool_]:
    """Return which rows begin behind a node of their thread, and no backward row between them."""
    # Rows are in the order of their threads and starts, so that row numbers can be compared.
    nodes = np.sort(nodes)
    at = np.searchsorted(nodes, rows) - 1
    node = nodes[np.maximum(at, 0)]
    own = (at >= 0) & (host.thread[node] == host.thread[rows])
    between = np.searchsorted(backward, host.start[rows]) - np.searchsorted(
        backward, host.start[node]
    )
    found: NDArray[np.bool_] = own & (between == 0)
    return found
