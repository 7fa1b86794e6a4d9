"""Work of one stream that overlaps itself: what may be, and what is a wrong duration.

A stream runs its work in the order of the launches. The next kernel may begin before the one
before it has ended (programmatic launches on NVIDIA's devices, by a few microseconds on others),
but it does not end before. A row that runs on while later work of its stream begins and ends has a
wrong end, or a wrong beginning where that work was launched before it: it is cut there. ROCm has
no programmatic launches, so on its streams a row also ends when the next one begins. Kernels of
one graph may run side by side under one stream's number: they are left as they are. So are
streams that overlap all the time, as ROCm may give several of them one number.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_time import Impossible
from resnext_bench.reports.trace.names.communication import is_communication
from resnext_bench.reports.trace.reading.trace import Kind, Ns, Trace
from resnext_bench.reports.trace.time.links import Links, of_names
from resnext_bench.reports.trace.time.order import is_rocm

_MOST: Final = 0.5
"""Share of a stream's rows; where more of them would have to be cut it is several streams."""
_FEWEST: Final = 20
"""Rows of a stream with which a share says something."""
_ROUNDS: Final = 8
"""Rows in rows in rows: each round cuts the outermost."""


@dataclass(kw_only=True)
class _Times:
    """Times of all rows of the device, while they are cut; ns."""

    start: Ns
    end: Ns


def cut_overlaps(
    trace: Trace, links: Links, tolerance: int
) -> tuple[Trace, Links, list[Impossible]]:
    """Return trace and links with such rows cut, in the order of their beginnings."""
    device = trace.device
    times = _Times(start=device.start.copy(), end=device.end)
    told = [
        one
        for rows in _streams(trace)
        for one in _stream(trace, links, rows, times, tolerance)
        if one.rows
    ]
    if not any(one.done == "cut" for one in told):
        return trace, links, _added(told)
    order = np.argsort(times.start, kind="stable")
    device = replace(device, start=times.start, duration=np.maximum(times.end - times.start, 0))
    launch, operator = links.launch[order], links.operator[order]
    return (
        replace(trace, device=device.take(order)),
        replace(links, launch=launch, operator=operator),
        _added(told),
    )


def _added(told: list[Impossible]) -> list[Impossible]:
    """Return one for each kind, over all streams."""
    kinds = dict.fromkeys(one.kind for one in told)
    groups = ([one for one in told if one.kind == kind] for kind in kinds)
    return [
        msgspec.structs.replace(
            group[0],
            rows=sum(one.rows for one in group),
            largest_ns=max(one.largest_ns for one in group),
        )
        for group in groups
    ]


def _streams(trace: Trace) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of each stream whose work overlaps, by their beginnings."""
    device = trace.device
    for number in np.unique(device.device):
        mine = np.flatnonzero(device.device == number)
        for stream in np.unique(device.stream[mine]):
            rows = mine[device.stream[mine] == stream]
            reach = np.maximum.accumulate(device.end[rows])
            if (reach[:-1] > device.start[rows][1:]).any():
                yield rows


def _stream(
    trace: Trace, links: Links, rows: NDArray[np.intp], times: _Times, tolerance: int
) -> Iterator[Impossible]:
    """Cut the rows of one stream, and yield what was done."""
    rocm = is_rocm(trace)
    talks = _talks(trace, rows) if rocm else np.zeros(len(rows), dtype=bool)
    before = _Times(start=times.start[rows], end=times.end[rows])
    after = _Times(start=before.start.copy(), end=before.end.copy())
    launch, key = links.launch[rows], trace.device.key[rows]
    called = np.where(launch >= 0, np.append(trace.host.start, 0)[launch], -1)
    for _ in range(_ROUNDS):
        if not _contained(after, key, called, talks, tolerance):
            break
    if rocm:
        _in_line(after, key, talks, tolerance)
    shorter = (before.end - before.start) - (after.end - after.start)
    cut = shorter > 0
    told = Impossible(
        kind="overlap",
        done="cut",
        rows=int(cut.sum()),
        on="device",
        largest_ns=int(shorter.max(initial=0)),
    )
    if len(rows) >= _FEWEST and told.rows > _MOST * len(rows):
        yield msgspec.structs.replace(told, kind="mixed streams", done="kept")
        return
    times.start[rows], times.end[rows] = after.start, after.end
    yield told


def _talks(trace: Trace, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which are communication: of another stream than ROCm says, more likely than wrong."""
    told = of_names(trace.names, lambda name: 1 if is_communication(name) else None)
    device = trace.device
    found: NDArray[np.bool_] = (told[device.name[rows]] > 0) & (device.kind[rows] == Kind.KERNEL)
    return found


def _contained(
    times: _Times, key: Ns, called: Ns, talks: NDArray[np.bool_], tolerance: int
) -> bool:
    """Cut rows that hold others of the stream; return whether there were any.

    `key`: what rows of one launch, such as that of a graph, have in common.
    """
    order = np.argsort(times.start, kind="stable")
    end = times.end[order]
    reach = np.maximum.accumulate(end)
    holder = np.maximum.accumulate(np.where(end == reach, np.arange(len(end)), 0))
    holder = order[np.append(0, holder[:-1])]
    inside = order
    wrong = times.end[holder] - times.end[inside] > tolerance
    wrong &= (times.end[inside] > times.start[inside]) & (times.start[inside] < times.end[holder])
    wrong &= ((key[holder] != key[inside]) | (key[inside] <= 0)) & ~talks[holder]
    wrong[0] = False
    if not wrong.any():
        return False
    holder, inside = holder[wrong], inside[wrong]
    later = (called[inside] < 0) | (called[holder] < 0) | (called[inside] >= called[holder])
    np.minimum.at(times.end, holder[later], times.start[inside[later]])
    np.maximum.at(times.start, holder[~later], times.end[inside[~later]])
    np.maximum(times.end, times.start, out=times.end)
    return True


def _in_line(times: _Times, key: Ns, talks: NDArray[np.bool_], tolerance: int) -> None:
    """Let rows end where the next one begins, if they run on for longer than clocks may err."""
    order = np.argsort(times.start, kind="stable")
    one, next_ = order[:-1], order[1:]
    over = times.end[one] - times.start[next_]
    wrong = (over > tolerance) & ~talks[one] & ~talks[next_]
    wrong &= (key[one] != key[next_]) | (key[one] <= 0)
    times.end[one[wrong]] = times.start[next_[wrong]]
