"""Where the origins of replayed work may be told: eager runs and captures of a trace.

An eager run launched kernels one by one, with operators around each launch. A capture is what a
program launched between the beginning and the end of a capture: nothing ran then, so that its
launches have operators and no kernels.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.graphs.replays import is_graph
from resnext_bench.reports.trace.layers.places import Places
from resnext_bench.reports.trace.reading.trace import Ids, Kind, Ns, Trace
from resnext_bench.reports.trace.time.links import Links, of_names
from resnext_bench.reports.trace.time.nest import inherited

GRAPH: Final = -1
"""In the place of a name: a graph was launched there."""
_BEGIN: Final = re.compile(r"\w*StreamBeginCapture")
_END: Final = re.compile(r"\w*StreamEndCapture")
_CALLS: Final = (
    (Kind.KERNEL, re.compile(r"\w*(Launch\w*Kernel|ModuleLaunch|LaunchCooperative)")),
    (Kind.COPY, re.compile(r"(cuda|hip|cu)Memcpy")),
    (Kind.FILL, re.compile(r"(cuda|hip|cu)Memset")),
)
"""Calls that a capture makes nodes of, and what each node then does."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """A trace that may tell origins: that of the replays itself, or another one."""

    trace: Trace
    links: Links
    places: Places
    is_other: bool
    names: Ids
    """The number of each of its names in the trace of the replays; below GRAPH: not there."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Origins:
    """Launches in their order, and what each of them tells."""

    launch: Ids
    """Row of the host of the source."""
    operator: Ids
    """Innermost operator around it; -1: none."""
    kind: NDArray[np.int8]
    """`Kind` of the work: kernel, copy or fill."""
    name: Ids
    """Of the work, by its number in the trace of the replays; of a capture GRAPH - 1: not known."""
    stream: Ns
    """Of a capture -1: not known."""
    what: NDArray[np.int32]
    """A row for each, with a number for each fact that it tells: operator, shape, pass, module;
    -1: not told."""

    def __len__(self) -> int:
        return len(self.launch)

    def take(self, which: NDArray[Any]) -> "Origins":
        """Return some of them."""
        return Origins(
            launch=self.launch[which],
            operator=self.operator[which],
            kind=self.kind[which],
            name=self.name[which],
            stream=self.stream[which],
            what=self.what[which],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Capture:
    """What was launched while a graph was captured."""

    origins: Origins
    begin: int
    """ns."""
    end: int


def source(
    trace: Trace, links: Links, places: Places, names: Sequence[str], *, is_other: bool
) -> Source:
    """Return a trace as a source for replays of a trace with these names."""
    if not is_other:
        numbers = np.arange(len(trace.names), dtype=np.int32)
    else:
        known = {name: number for number, name in enumerate(names)}
        numbers = np.array(
            [known.get(name, GRAPH - 1 - at) for at, name in enumerate(trace.names)], dtype=np.int32
        )
    return Source(trace=trace, links=links, places=places, is_other=is_other, names=numbers)


def eager(found: Source, device: int | None) -> Origins:
    """Return what a source launched one by one on a device, and where it launched graphs.

    Of another trace it is the device that worked most.
    """
    trace, links = found.trace, found.links
    rows = np.flatnonzero(trace.device.device == _device(found, device))
    rows = rows[links.launch[rows] >= 0]
    launch = links.launch[rows]
    graph = is_graph(trace)[trace.host.name[launch]]
    first = np.append(True, np.diff(launch) != 0)  # one of many suffices
    rows, launch, graph = (one[~graph | first] for one in (rows, launch, graph))
    order = np.lexsort((trace.device.start[rows], trace.host.start[launch]))
    rows, launch, graph = rows[order], launch[order], graph[order]
    return Origins(
        launch=launch,
        operator=links.operator[rows],
        kind=np.where(graph, np.int8(Kind.KERNEL), trace.device.kind[rows]),
        name=np.where(graph, np.int32(GRAPH), found.names[trace.device.name[rows]]),
        stream=trace.device.stream[rows],
        what=_what(found, launch, links.operator[rows]),
    )


def _device(found: Source, device: int | None) -> int:
    own = found.trace.device
    if not found.is_other and device is not None:
        return device
    if not len(own):
        return -1
    numbers, at = np.unique(own.device, return_inverse=True)
    return int(numbers[np.bincount(at, weights=own.duration).argmax()])


def captures(found: Source) -> list[Capture]:
    """Return the captures of a source, in their order."""
    trace, links = found.trace, found.links
    begins, ends = (_calls(trace, pattern) for pattern in (_BEGIN, _END))
    if not len(begins) or not len(ends):
        return []
    rows, kind = _launches(trace)
    moments = trace.host.start[rows]
    own = np.where(
        trace.host.kind == Kind.OPERATOR, np.arange(len(trace.host), dtype=np.int32), np.int32(-1)
    )
    operator = inherited(own, links.parent)[rows]
    captured = []
    for begin in trace.host.start[begins].tolist():
        later = trace.host.start[ends][trace.host.start[ends] > begin]
        if not len(later):
            continue
        first, behind = np.searchsorted(moments, [begin, int(later.min())])
        which = slice(int(first), int(behind))
        if behind > first:
            told = _captured(found, rows[which], operator[which], kind[which])
            captured.append(Capture(origins=told, begin=begin, end=int(later.min())))
    return captured


def _calls(trace: Trace, pattern: re.Pattern[str]) -> NDArray[np.intp]:
    named = of_names(trace.names, lambda name: 1 if pattern.match(name) else None)
    rows = np.flatnonzero((named[trace.host.name] > 0) & (trace.host.kind == Kind.LAUNCH))
    return rows[np.argsort(trace.host.start[rows], kind="stable")]


def _launches(trace: Trace) -> tuple[Ids, NDArray[np.int8]]:
    """Return calls that nothing ran for, in their order, and what each would have launched.

    A call of the driver below one of the runtime has its number: they are one.
    """
    host = trace.host
    kinds = of_names(trace.names, _kind)[host.name]
    rows = np.flatnonzero((kinds >= 0) & (host.kind == Kind.LAUNCH) & (host.key > 0))
    rows = rows[~np.isin(host.key[rows], trace.device.key)]
    rows = rows[np.lexsort((rows, host.start[rows]))]
    _, first = np.unique(host.key[rows], return_index=True)
    rows = rows[np.sort(first)]
    return rows.astype(np.int32), kinds[rows].astype(np.int8)


def _kind(name: str) -> int | None:
    return next((int(kind) for kind, pattern in _CALLS if pattern.match(name)), None)


def _captured(found: Source, launch: Ids, operator: Ids, kind: NDArray[np.int8]) -> Origins:
    nothing = np.full(len(launch), GRAPH - 1, dtype=np.int32)
    return Origins(
        launch=launch,
        operator=operator,
        kind=kind,
        name=nothing,
        stream=np.full(len(launch), -1, dtype=np.int64),
        what=_what(found, launch, operator),
    )


def _what(found: Source, launch: Ids, operator: Ids) -> NDArray[np.int32]:
    """Return what launches tell: the name of the operator, shapes around it, pass, module."""
    trace, links = found.trace, found.links
    host, parent = trace.host, links.parent

    def at(values: NDArray[Any], rows: Ids) -> NDArray[np.int32]:
        return np.append(values, -1).astype(np.int32)[rows]

    product = np.full(len(host), -1, dtype=np.int32)
    product[trace.products.row] = _alike(trace.products.distinct)[trace.products.which]
    conv = np.append(_alike(trace.convs), np.int32(-1))[host.conv]
    around = np.where(operator >= 0, operator, launch)
    return np.stack(
        [
            at(host.name, operator),
            at(inherited(conv, parent), around),
            at(inherited(product, parent), around),
            at(links.passes, around),
            found.places.of(launch),
        ],
        axis=1,
    )


def _alike(told: Sequence[Any]) -> Ids:
    """Return for each shape the first one that is equal."""
    first: dict[Any, int] = {}
    return np.array([first.setdefault(one, at) for at, one in enumerate(told)], dtype=np.int32)
