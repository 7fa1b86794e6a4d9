"""What tells where the steps of a trace begin and end, on the host."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from resnext_bench.reports.schema.trace_time import StepsFrom
from resnext_bench.reports.trace.reading.trace import Host, Ids, Kind
from resnext_bench.reports.trace.time.intervals import Ns, Windows
from resnext_bench.reports.trace.time.links import of_names

_STEP: Final = re.compile(r"ProfilerStep#(\d{1,9})$")


@dataclass(frozen=True, kw_only=True, eq=False)
class Marks:
    """Steps as they are marked: work belongs to the one in which it was launched."""

    source: StepsFrom
    numbers: tuple[int, ...]
    windows: Windows


def by_profiler(host: Host, names: tuple[str, ...]) -> Marks | None:
    """Return rows named ProfilerStep#N; on several threads those of the one that has most."""
    number = of_names(names, _number)[host.name]
    rows = np.flatnonzero((number >= 0) & (host.kind != Kind.LAUNCH))
    if not len(rows):
        return None
    threads, counts = np.unique(host.thread[rows], return_counts=True)
    rows = rows[host.thread[rows] == threads[counts.argmax()]]
    start, end = host.start[rows], host.end[rows]
    end = np.minimum(end, np.append(start[1:], end[-1:]))  # one that overlaps the next ends there
    return Marks(
        source=StepsFrom(kind="profiler"),
        numbers=tuple(number[rows].tolist()),
        windows=Windows(start=start, end=end),
    )


def _number(name: str) -> int | None:
    match = _STEP.match(name)
    return int(match[1]) if match else None


def opened(windows: Windows, recorded: int) -> Windows:
    """Return windows with the first as long as the longest other one, as far as it was recorded.

    When it began is told by nothing: its first launch comes later, as after loading a batch.
    """
    if len(windows.start) < 2:
        return windows
    start = windows.start.copy()
    longest = int(windows.length[1:].max())
    start[0] = min(int(start[0]), max(recorded, int(windows.end[0]) - longest))
    return Windows(start=start, end=windows.end)


def which(windows: Windows, moments: Ns) -> Ids:
    """Return the window that holds each moment; -1: none."""
    if not len(windows.start):
        return np.full(len(moments), -1, dtype=np.int32)
    at = np.searchsorted(windows.start, moments, side="right") - 1
    inside = (at >= 0) & (moments < windows.end[np.maximum(at, 0)])
    return np.where(inside, at, -1).astype(np.int32)
