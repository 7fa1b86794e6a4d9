"""Copies: by direction and the host's memory, which names tell, and by who asks for them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from resnext_bench.reports.schema.trace_host import CopyRow
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.host.rows import callers
from resnext_bench.reports.trace.kernels.tables import grouped
from resnext_bench.reports.trace.reading.trace import Kind

UNKNOWN: Final = "unknown"
_SHORT: Final = re.compile(r"(?<![A-Za-z])([HDAP])(?:to|2)([HDAP])(?![A-Za-z])")
"""Of an array (A) on the device, or from peer to peer (P)."""
_LONG: Final = re.compile(r"(Host|Device|Peer|Array)_?[tT]o_?(Host|Device|Peer|Array)")
_MEMORY: Final = re.compile(r"pageable|pinned|managed", re.IGNORECASE)
_ENDS: Final = {"H": "H", "D": "D", "A": "D", "P": "P"}


@dataclass(frozen=True, kw_only=True)
class Way:
    """What a copy's name says: `Memcpy HtoD (Pageable -> Device)`."""

    direction: str
    memory: str
    """Of the host; empty where it takes no part, or is not told."""


def way(name: str) -> Way:
    """Read a name, in the words of CUPTI, roctracer and others."""
    match = _SHORT.search(name) or _LONG.search(name)
    if match is None:
        return Way(direction=UNKNOWN, memory="")
    one, other = (_ENDS[end[0]] for end in match.groups())
    ends = {one, other}
    direction = "PtoP" if "P" in ends else f"{one}to{other}"
    memory = _MEMORY.search(name) if "H" in ends else None
    return Way(direction=direction, memory=memory[0].lower() if memory else "")


def copies(analysis: Analysis) -> list[CopyRow]:
    """Return a row for each direction and kind of memory, most time first."""
    if analysis.device is None:
        return []
    return sorted(_rows(analysis), key=lambda row: (-row.total_ns, row.direction, row.memory))


def _rows(analysis: Analysis) -> Iterator[CopyRow]:
    device, steps = analysis.trace.device, analysis.steps
    mine = np.append(steps.used, False)[steps.of_device] & (device.kind == Kind.COPY)
    rows = np.flatnonzero(mine & (device.device == analysis.device))
    names, which = np.unique(device.name[rows], return_inverse=True)
    ways = [way(analysis.trace.names[name]) for name in names]
    distinct = {one: number for number, one in enumerate(dict.fromkeys(ways))}
    number = np.array([distinct[one] for one in ways], dtype=np.int32)[which]
    for at in grouped(number):
        told = rows[at][device.bytes[rows[at]] >= 0]
        size, time = int(device.bytes[told].sum()), int(device.duration[told].sum())
        one = ways[which[at[0]]]
        yield CopyRow(
            direction=one.direction,
            memory=one.memory,
            count=len(at),
            total_ns=int(device.duration[rows[at]].sum()),
            recorded=len(told),
            bytes=size,
            gb_per_s=size / time if size and time else None,
        )


_BATCHES: Final = re.compile(r"$|aten::(to|_to_copy|copy_|cuda|pin_memory)$")


@dataclass(frozen=True, kw_only=True)
class ToDevice:
    """Copies of the used steps."""

    batches_ns: int
    """Durations added up, of what a program hands over."""
    pageable: int
    """How many of these copy pageable memory."""
    tensors_ns: int
    """Durations added up, of what operators are given on the host and copy themselves."""


def is_batch(operator: str) -> bool:
    """Return whether what this outermost operator copies is handed over, not needed by itself."""
    return bool(_BATCHES.match(operator))


def to_device(analysis: Analysis) -> ToDevice:
    """Return both."""
    trace, device, steps = analysis.trace, analysis.trace.device, analysis.steps
    used = np.append(steps.used, False)[steps.of_device] & (device.kind == Kind.COPY)
    rows = np.flatnonzero(used & (device.device == analysis.device))
    ways = {name: way(trace.names[name]) for name in np.unique(device.name[rows]).tolist()}
    names = [name for name, one in ways.items() if one.direction == "HtoD"]
    rows = rows[np.isin(device.name[rows], names)]
    caller = callers(trace, analysis.links, analysis.links.launch[rows])
    by = np.append(trace.host.name, np.int32(-1))[caller]
    handed = [one for one in np.unique(by).tolist() if one < 0 or is_batch(trace.names[one])]
    batches = rows[np.isin(by, handed)]
    pageable = [name for name, one in ways.items() if one.memory == "pageable"]
    batches_ns = int(device.duration[batches].sum())
    return ToDevice(
        batches_ns=batches_ns,
        pageable=int(np.isin(device.name[batches], pageable).sum()),
        tensors_ns=int(device.duration[rows].sum()) - batches_ns,
    )
