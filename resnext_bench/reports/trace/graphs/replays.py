"""What captured graphs launched, replay by replay, each in the order of its nodes.

A graph's launch has any number of kernels. Where a trace has the nodes' numbers (`graph node id`),
they are the order in which the nodes were captured, on whatever streams they run. Elsewhere only
the work of one stream has an order that is certain.
"""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import Ids, Kind, Ns, Trace
from resnext_bench.reports.trace.time.links import Links, of_names

LAUNCH: Final = re.compile(r"\w*GraphLaunch")
_NODE: Final = (1 << 32) - 1
"""What is below a graph's own number."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Replays:
    """Launches of graphs that ran on a device, in the order in which they were launched."""

    rows: NDArray[np.intp]
    """Rows of the device, replay by replay, each in the order of its nodes, else of its times."""
    bounds: NDArray[np.intp]
    """Where each replay begins among them, and behind the last one the end."""
    launch: Ids
    """Row of the host that launched each replay."""
    by_node: NDArray[np.bool_]
    """Whether the nodes' numbers tell the order of each replay."""
    on_one_stream: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.launch)

    def of(self, replay: int) -> NDArray[np.intp]:
        """Return the rows of one replay."""
        return self.rows[self.bounds[replay] : self.bounds[replay + 1]]


def is_graph(trace: Trace) -> NDArray[np.bool_]:
    """Return for each name whether it is a call that launches a graph, and False behind them."""
    found: NDArray[np.bool_] = (
        of_names(trace.names, lambda name: 1 if LAUNCH.match(name) else None) > 0
    )
    return found


def launches_graphs(trace: Trace) -> bool:
    """Return whether any name of a trace is such a call."""
    return bool(is_graph(trace).any())


def replays(trace: Trace, links: Links, device: int | None) -> Replays | None:
    """Return the replays on a device; None where there are none."""
    graph = is_graph(trace)
    if device is None or not graph.any():
        return None
    named = graph[np.append(trace.host.name, np.int32(-1))[links.launch]]
    rows = np.flatnonzero(named & (trace.device.device == device))
    return _ordered(trace, links.launch[rows], rows) if len(rows) else None


def _ordered(trace: Trace, launch: Ids, rows: NDArray[np.intp]) -> Replays:
    device = trace.device
    order = np.lexsort((device.start[rows], launch, trace.host.start[launch]))
    launch, rows = launch[order], rows[order]
    first = np.flatnonzero(np.append(True, np.diff(launch) != 0))
    replay = np.cumsum(np.append(0, np.diff(launch) != 0))
    kernel = device.kind[rows] == Kind.KERNEL
    by_node = _told_by_nodes(device.node[rows[kernel]], replay[kernel], len(first))
    node = np.where(by_node[replay], _nodes(device.node[rows], kernel), 0)
    stream = device.stream[rows]
    one = np.minimum.reduceat(stream, first) == np.maximum.reduceat(stream, first)
    return Replays(
        rows=rows[np.lexsort((node, replay))],
        bounds=np.append(first, len(rows)),
        launch=launch[first],
        by_node=by_node,
        on_one_stream=one,
    )


def _told_by_nodes(node: Ns, replay: NDArray[np.intp], count: int) -> NDArray[np.bool_]:
    """Return of which replays each kernel has a number of its own, all of one graph.

    Nodes of a graph within a graph are numbered anew, and those of a loop run again.
    """
    known = np.bincount(replay, weights=node > 0, minlength=count)
    missing = np.bincount(replay, weights=node < 0, minlength=count)
    order = np.lexsort((node, replay))
    same = np.diff(replay[order]) == 0
    unlike = same & ((np.diff(node[order]) == 0) | (np.diff(_graphs(node[order])) != 0))
    odd = np.bincount(replay[order][1:], weights=unlike, minlength=count)
    found: NDArray[np.bool_] = (known > 0) & (missing == 0) & (odd == 0)
    return found


def _graphs(node: Ns) -> Ns:
    """Return the graphs' own numbers that some versions put above those of nodes."""
    return node >> np.int64(32)


def _nodes(node: Ns, kernel: NDArray[np.bool_]) -> Ns:
    """Return numbers to sort by; what moves memory and has none comes behind the kernel before."""
    known = kernel | (node > 0)
    last = np.maximum.accumulate(np.where(known, np.arange(len(node)), 0))
    return (node & np.int64(_NODE))[last]
