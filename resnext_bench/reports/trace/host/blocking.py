"""Calls of the host that return only once the device has caught up, and who makes them."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_host import BlockingRow
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.graphs.replays import is_graph
from resnext_bench.reports.trace.host.copies import way
from resnext_bench.reports.trace.host.rows import callers, in_used_steps
from resnext_bench.reports.trace.kernels.tables import grouped
from resnext_bench.reports.trace.reading.trace import Ids, Kind
from resnext_bench.reports.trace.time.links import of_names

_BLOCKING: Final = re.compile(
    r"(cuda|hip|cu|musa|aclrt|ze|ur)\w*Synchronize|urEventWait|urQueueFinish|"
    r"(cuda|hip)(Malloc|Free|HostAlloc|HostMalloc|MallocHost|FreeHost|HostFree|HostRegister)$|"
    r"cuMem(Alloc|Free)(Host)?(_v\d)?$|"
    r"(cuda|hip)Mem(cpy|set)(2D|3D|ToSymbol|FromSymbol|Peer|HtoD|DtoH|DtoD)?$|"
    r"hipMemcpyWithStream$|cuMemcpy(?!\w*Async)\w*$"
)
"""Synchronisation, allocation, and copies that are not asynchronous."""


def blocking(analysis: Analysis) -> list[BlockingRow]:
    """Return a row for each call, direction and operator, most time first; none on a CPU."""
    if analysis.device is None:
        return []
    trace, host = analysis.trace, analysis.trace.host
    copied = _copied(analysis)
    rows = np.flatnonzero((_waits(analysis) | copied.is_pageable) & in_used_steps(analysis))
    caller = callers(trace, analysis.links, rows)
    by = np.append(host.name, np.int32(-1))[caller]
    key = host.name[rows].astype(np.int64) * (len(trace.names) + 1) + by + 1
    key = key * (len(copied.directions) + 1) + copied.direction[rows] + 1
    found = [
        BlockingRow(
            call=trace.names[host.name[rows[at[0]]]],
            operator=trace.names[by[at[0]]] if by[at[0]] >= 0 else "",
            copies=copied.told(int(rows[at[0]])),
            count=len(at),
            total_ns=int(host.duration[rows[at]].sum()),
        )
        for at in grouped(key)
    ]
    return sorted(found, key=lambda row: (-row.total_ns, row.call, row.operator, row.copies))


def _waits(analysis: Analysis) -> NDArray[np.bool_]:
    """Return which calls wait by their name; one inside another call is not another one."""
    trace, parent = analysis.trace, analysis.links.parent
    named = of_names(trace.names, lambda name: 1 if _BLOCKING.match(name) else None) > 0
    call = trace.host.kind == Kind.LAUNCH
    inner = (parent >= 0) & call[np.maximum(parent, 0)]
    found: NDArray[np.bool_] = named[trace.host.name] & call & ~inner
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class _Copied:
    """Of each row of the host what it copies."""

    directions: tuple[str, ...]
    direction: Ids
    """Index into them; -1: it copies nothing."""
    is_pageable: NDArray[np.bool_]
    """Such a call returns once the memory has been read, or written."""

    def told(self, row: int) -> str:
        """Return the direction of one row; empty where it copies nothing."""
        return self.directions[self.direction[row]] if self.direction[row] >= 0 else ""


def _copied(analysis: Analysis) -> _Copied:
    trace, launch = analysis.trace, analysis.links.launch
    copies = (trace.device.kind == Kind.COPY) & (launch >= 0)
    # What launches a graph does not wait for copies in it.
    rows = np.flatnonzero(copies & ~is_graph(trace)[np.append(trace.host.name, -1)[launch]])
    ways = {name: way(trace.names[name]) for name in np.unique(trace.device.name[rows]).tolist()}
    directions = tuple(dict.fromkeys(one.direction for one in ways.values()))
    direction_of, pageable_of = np.full(len(trace.names), -1), np.zeros(len(trace.names), bool)
    for name, one in ways.items():
        direction_of[name] = directions.index(one.direction)
        pageable_of[name] = one.memory == "pageable"
    direction = np.full(len(trace.host), -1, dtype=np.int32)
    is_pageable = np.zeros(len(trace.host), dtype=bool)
    direction[launch[rows]] = direction_of[trace.device.name[rows]]
    is_pageable[launch[rows]] = pageable_of[trace.device.name[rows]]
    return _Copied(directions=directions, direction=direction, is_pageable=is_pageable)
