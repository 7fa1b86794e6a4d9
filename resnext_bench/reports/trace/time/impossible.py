"""Times that cannot be: rows are left out, cut or moved, and counted; never believed in silence.

CUPTI gives a kernel that it could not time the time 0. Clocks of host and device differ by some
microseconds: a kernel may seem to begin up to `TOLERANCE` before the call that launched it; what
is earlier is wrong, unless it is so of most of the work that had nothing to wait for: then it is
the clocks, and all times of the device are moved.
"""

from dataclasses import replace
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_time import Impossible
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.trace.reading.trace import Device, Host, Ids, Ns, Trace
from resnext_bench.reports.trace.time.links import Links
from resnext_bench.reports.trace.time.order import out_of_order
from resnext_bench.reports.trace.time.overlaps import cut_overlaps

TOLERANCE: Final = 10_000
"""ns; offsets of up to 9 us between the clocks of a host and its H200 were published. On the real
traces of this project no kernel begins before its launch."""
_MANY: Final = 10
"""Rows that are early by at most `_LITTLE`: those are no single faults, but a clock."""
_LITTLE: Final = 5 * TOLERANCE
_DRIFT: Final = 1_000_000
"""ns, by which a clock that is off may drift within a trace."""
FAR: Final = 3_600_000_000_000
"""ns; no pause of a profiled program is as long, and no kernel."""


def near(trace: Trace) -> tuple[Trace, list[Impossible]]:
    """Return the trace without rows that are an hour or more from most others."""
    host, device = trace.host, trace.device
    starts = [rows.start for rows in (host, device) if len(rows)]
    if max(int(one.max()) for one in starts) - min(int(one.min()) for one in starts) < FAR:
        return trace, []
    edges = _edges(np.concatenate(starts))
    of_host = np.searchsorted(edges, host.start, side="right")
    of_device = np.searchsorted(edges, device.start, side="right")
    main = _main(of_host, of_device, len(edges) + 1)
    told: list[Impossible] = []
    own = _own_epoch(device, of_host, of_device)
    if own is not None:
        device, moved = _to_host(host, device, of_device == own)
        of_device = np.where(of_device == own, main, of_device)
        told.append(moved)
    told += _left_out(host.start, of_host == main, "host")
    told += _left_out(device.start, of_device == main, "device")
    kept = of_host == main
    products = trace.products.of_rows(kept)
    of_memory = np.searchsorted(edges, trace.memory.time, side="right")
    memory = trace.memory.take(of_memory == main)
    host, device = host.take(kept), device.take(of_device == main)
    found = replace(trace, host=host, device=device, products=products, memory=memory)
    return _from_first(found), told


def _edges(starts: Ns) -> Ns:
    """Return the moments at which a group begins that is far from the one before it."""
    ordered = np.sort(starts)
    return ordered[1:][np.diff(ordered) >= FAR]


def _main(of_host: NDArray[Any], of_device: NDArray[Any], count: int) -> int:
    """Return the group that most rows of the host are in; of the device if there is no host."""
    groups = of_host if len(of_host) else of_device
    return int(np.bincount(groups, minlength=count).argmax())


def _own_epoch(device: Device, of_host: NDArray[Any], of_device: NDArray[Any]) -> int | None:
    """Return the group that holds most of the device and nothing of the host: another clock."""
    if not len(of_host) or not len(of_device):
        return None
    group = int(np.bincount(of_device).argmax())
    mine = device.start[of_device == group]
    alone = not (of_host == group).any() and 2 * len(mine) > len(of_device)
    return group if alone and mine[0] < mine[-1] else None


def _to_host(host: Host, device: Device, mine: NDArray[np.bool_]) -> tuple[Device, Impossible]:
    """Let the device's first work begin with the host's first row."""
    by = int(host.start.min() - device.start[mine].min())
    start = np.where(mine, device.start + by, device.start)
    order = np.argsort(start, kind="stable")
    told = Impossible(
        kind="clocks", done="moved", rows=int(mine.sum()), on="device", largest_ns=abs(by)
    )
    return replace(device, start=start).take(order), told


def _left_out(start: Ns, kept: NDArray[np.bool_], on: Any) -> list[Impossible]:
    if kept.all():
        return []
    low, high = (int(start[kept].min()), int(start[kept].max())) if kept.any() else (0, 0)
    away = np.maximum(low - start[~kept], start[~kept] - high)
    return [
        Impossible(
            kind="far",
            done="left out",
            rows=int((~kept).sum()),
            on=on,
            largest_ns=int(away.max()),
        )
    ]


def _from_first(trace: Trace) -> Trace:
    """Let time 0 be that of the first row that is left."""
    rows = [one for one in (trace.host, trace.device) if len(one)]
    first = min(int(one.start.min()) for one in rows)
    origin = trace.origin_ns + first
    base = trace.header.get("baseTimeNanoseconds")
    stamped = origin - (base if isinstance(base, int) else 0)
    resolution = max(1.0, 1000 * float(np.spacing(stamped / 1000)))
    return replace(
        trace,
        host=replace(trace.host, start=trace.host.start - first),
        device=replace(trace.device, start=trace.device.start - first),
        modules=replace(trace.modules, start=trace.modules.start - first),
        memory=replace(trace.memory, time=trace.memory.time - first),
        origin_ns=origin,
        resolution_ns=max(trace.resolution_ns, resolution),
    )


def fact_of(found: Impossible) -> Note:
    """Return the warning that a report has of it."""
    return warning(
        "times_impossible",
        of=found.kind,
        rows=found.rows,
        on=found.on,
        largest_ns=found.largest_ns,
    )


def in_all(told: list[Impossible]) -> tuple[Impossible, ...]:
    """Return one for each kind, where a clock was moved twice with all of it."""
    found: dict[tuple[str, str], Impossible] = {}
    for one in told:
        key = (one.kind, one.on)
        found[key] = _both(found[key], one) if key in found else one
    return tuple(found.values())


def _both(one: Impossible, other: Impossible) -> Impossible:
    rows, ns = (one.rows, other.rows), (one.largest_ns, other.largest_ns)
    if one.kind == "clocks":
        return msgspec.structs.replace(one, rows=max(rows), largest_ns=sum(ns))
    return msgspec.structs.replace(one, rows=sum(rows), largest_ns=max(ns))


def believed(trace: Trace, links: Links) -> tuple[Trace, Links, list[Impossible]]:
    """Return trace and links without what cannot be on the device."""
    if not trace.on_device:
        return trace, links, []
    told: list[Impossible] = []
    long = trace.device.duration >= FAR
    if long.any():
        told.append(_dropped("too long", trace.device.duration[long]))
        trace, links = _kept(trace, links, ~long)
    trace, links = _launched(trace, links, told)
    by = out_of_order(trace, links)
    if by.any():
        told.append(_dropped("out of order", by[by > 0]))
        trace, links = _kept(trace, links, by == 0)
    trace, links, cut = cut_overlaps(trace, links, TOLERANCE)
    return trace, links, [*told, *cut]


def _dropped(kind: Any, by: Ns) -> Impossible:
    return Impossible(
        kind=kind, done="left out", rows=len(by), on="device", largest_ns=int(by.max())
    )


def _kept(trace: Trace, links: Links, kept: NDArray[np.bool_]) -> tuple[Trace, Links]:
    """Return both with some rows of the device only."""
    operator, launch = links.operator[kept], links.launch[kept]
    return (
        replace(trace, device=trace.device.take(kept)),
        replace(links, operator=operator, launch=launch),
    )


def _launched(trace: Trace, links: Links, told: list[Impossible]) -> tuple[Trace, Links]:
    """Leave out what begins before its launch, device by device, unless the clocks are off."""
    early = _early(trace, links)
    if not (early > TOLERANCE).any():
        return trace, links
    device = trace.device
    start = device.start.copy()
    for number in np.unique(device.device[early > TOLERANCE]):
        mine = device.device == number
        by = _behind(trace, links, early, mine)
        if by:
            start[mine] += by
            told.append(
                Impossible(
                    kind="clocks", done="moved", rows=int(mine.sum()), on="device", largest_ns=by
                )
            )
    order = np.argsort(start, kind="stable")
    trace = replace(trace, device=replace(device, start=start).take(order))
    links = replace(links, launch=links.launch[order], operator=links.operator[order])
    early = _early(trace, links)
    wrong = early > TOLERANCE
    if wrong.any():
        told.append(_dropped("before launch", early[wrong]))
        trace, links = _kept(trace, links, ~wrong)
    return trace, links


def _early(trace: Trace, links: Links) -> Ns:
    """Return by how much each row of the device begins before its launch, ns; 0 without one."""
    called = np.append(trace.host.start, 0)[links.launch]
    return np.where(links.launch >= 0, called - trace.device.start, 0)


def _behind(trace: Trace, links: Links, early: Ns, mine: NDArray[np.bool_]) -> int:
    """Return by how much a device's clock is behind the host's, ns; 0: single rows are wrong.

    Work that waits in a queue begins late by any clock. What has nothing to wait for, as the work
    before it on its stream ended before its launch, begins at once: if most of that is too early,
    the clocks differ. So they do where many rows are early by about as little.
    """
    rows = np.flatnonzero(mine & (links.launch >= 0))
    free = rows[_free(trace, links.launch, rows)]
    wrong = early[rows][early[rows] > TOLERANCE]
    if len(wrong) >= _MANY and wrong.max() <= _LITTLE:
        return int(wrong.max())
    if 2 * int((early[free] > TOLERANCE).sum()) <= len(free):
        return 0
    most = float(np.percentile(early[free], 99, method="lower"))
    return int(wrong[wrong <= most + _DRIFT].max(initial=0))


def _free(trace: Trace, launch: Ids, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which of these rows had no earlier work of their stream to wait for."""
    device, called = trace.device, trace.host.start[launch[rows]]
    order = np.lexsort((device.start[rows], called, device.stream[rows]))
    ordered = rows[order]
    first = np.append(True, np.diff(device.stream[ordered]) != 0)
    before = np.append(0, device.end[ordered][:-1])
    free = np.empty(len(rows), dtype=bool)
    free[order] = first | (before <= called[order])
    return free
