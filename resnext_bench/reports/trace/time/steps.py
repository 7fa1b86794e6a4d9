"""The steps of a trace, on the host and where their work ran.

A GPU trails the host, on a real trace by 1.8 steps, so that the host's window of a step holds the
kernels of another one. Work belongs to the step during which it was launched. On the device a step
lasts from the end of the last work of the step before to the end of its own last work, so that
steps tile the time. Copies and fills are work like kernels. A copy of the next batch, which some
step launches ahead on a stream of its own, is that step's: if it is still running when the next
step's kernels begin, the step lasts until the copy ends, and the next one begins there.

The first step begins with the host's step, or when the device has finished what came before: work
that was launched before the step, or has no launch in the trace and began before all that has one
on its stream (a stream keeps the order of launches). On a CPU a step is what marks it.
"""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_time import StepLeftOut, StepsFrom
from resnext_bench.reports.trace.names.communication import is_span
from resnext_bench.reports.trace.reading.trace import Device, Host, Ids, Kind, Trace
from resnext_bench.reports.trace.time.annotated import by_annotation
from resnext_bench.reports.trace.time.intervals import Ns, Windows
from resnext_bench.reports.trace.time.links import Links, of_names
from resnext_bench.reports.trace.time.marks import Marks, by_profiler, which
from resnext_bench.reports.trace.time.patterns import by_pattern

_LAUNCH: Final = re.compile(r"\w*(Launch\w*Kernel|ModuleLaunch|LaunchCooperative)")
MISSING: Final = 0.01
"""Share of a step's launches without a kernel in the trace from which on it is not used."""

_NEVER: Final = np.iinfo(np.int64).max
LONGEST: Final = 1000
"""A step that lasts as many times the median is not used: something else went on."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps:
    """The steps of a trace; where nothing marks any, the whole trace as one."""

    source: StepsFrom
    """What tells where they begin and end."""
    numbers: tuple[int, ...]
    """As the profiler counts, or the annotations, or from 1; 0 for a whole trace or a range."""
    host: Windows
    """What is marked on the host."""
    windows: Windows
    """Where the step's work ran: on the device if there is one, else as on the host."""
    used: NDArray[np.bool_]
    """Those that figures are made of."""
    excluded: tuple[StepLeftOut, ...]
    """The others, and why each is not used."""
    of_host: Ids
    """Step of each row of the host, by its start; -1: none."""
    of_device: Ids
    """Step of each row of the device, by its launch; -1: none."""
    by_time: int
    """Rows of the device among them that have no launch in the trace: put where they ran."""
    earlier: int
    """Rows of the device without a launch that are work of before the trace."""
    missing: float
    """Largest share of launches without a kernel in the trace, of the steps that are used."""

    @property
    def marked(self) -> bool:
        """Whether there is more than the whole trace, or a range of it."""
        return self.source.kind in ("profiler", "annotation", "pattern")

    @property
    def count(self) -> int:
        """Steps that are used."""
        return int(self.used.sum())

    @property
    def lag(self) -> float | None:
        """By how many steps the device trails the host, at most; None without steps on a device."""
        behind = self.windows.end - self.host.end
        if not self.marked or not self.used.any() or not len(self.of_device):
            return None
        return float((behind[self.used] / np.maximum(self.host.length[self.used], 1)).max())


def steps(trace: Trace, links: Links, device: int | None, span: Windows | None = None) -> Steps:
    """Return them; on a device they last as long as their own work does.

    `span`: the one window that was asked for; the trace has been cut to it.
    """
    if span is not None:
        source = StepsFrom(kind="range", from_ns=int(span.start[0]), to_ns=int(span.end[0]))
        return _one(trace, span, source)
    found = _marks(trace, links, device)
    if found is None:
        return _whole(trace, device)
    of_host = which(found.windows, trace.host.start)
    if device is not None:
        return _on_device(trace, links, trace.device.device == device, found, of_host)
    used = found.windows.length > 0
    used, reasons = _of_usual_length(found.windows, used, found.numbers)
    return Steps(
        source=found.source,
        numbers=found.numbers,
        host=found.windows,
        windows=found.windows,
        used=used,
        excluded=_left_out(found.numbers, used, reasons),
        of_host=of_host,
        of_device=np.empty(0, dtype=np.int32),
        by_time=0,
        earlier=0,
        missing=0.0,
    )


def _marks(trace: Trace, links: Links, device: int | None) -> Marks | None:
    """Return what marks steps: the profiler, annotations, or launches that repeat."""
    found = by_profiler(trace.host, trace.names) or by_annotation(trace, links, device)
    return found or (None if device is None else by_pattern(trace, links, device))


def _whole(trace: Trace, device: int | None) -> Steps:
    """Return the time from the first work to the last as one step."""
    if device is None:
        span = of_names(trace.names, lambda name: 1 if is_span(name) else None) > 0
        span = span[trace.host.name] & (trace.host.kind == Kind.ANNOTATION)
        host = trace.host.take((trace.host.kind == Kind.OPERATOR) | span)
        start, end = host.start, host.end
    else:
        mine = trace.device.take(trace.device.device == device)
        start, end = mine.start, mine.end
    bounds = (int(start.min()), int(end.max())) if len(start) else (0, 0)
    window = Windows(start=np.array(bounds[:1]), end=np.array(bounds[1:]))
    return _one(trace, window, StepsFrom(kind="whole"))


def _one(trace: Trace, window: Windows, source: StepsFrom) -> Steps:
    """Return this window as the only step; all that is left of the device belongs to it."""
    return Steps(
        source=source,
        numbers=(0,),
        host=window,
        windows=window,
        used=window.length > 0,
        excluded=(),
        of_host=np.zeros(len(trace.host), np.int32)
        if source.kind == "whole"
        else which(window, trace.host.start),
        of_device=np.zeros(len(trace.device), np.int32),
        by_time=0,
        earlier=0,
        missing=0.0,
    )


def _on_device(
    trace: Trace, links: Links, mine: NDArray[np.bool_], marks: Marks, of_host: Ids
) -> Steps:
    """Return the steps of the device that is reported on, whose rows are `mine`."""
    device, numbers = trace.device, marks.numbers
    origin = np.where(links.launch >= 0, links.launch, links.operator)
    step = np.append(of_host, np.int32(-1))[origin]
    unlinked = origin < 0
    earlier = unlinked & mine & _first_of_their_stream(device, ~unlinked & mine)
    by_time = unlinked & ~earlier
    # Where nothing is linked, all that is known is when a kernel ran.
    windows = marks.windows
    if (mine & (step >= 0)).any():
        called = np.append(trace.host.start, 0)[origin]
        called = np.where(earlier, np.int64(-1), np.where(unlinked, _NEVER, called))[mine]
        windows = _device_windows(device.take(mine), step[mine], called, marks.windows)
        step = np.where(by_time, _when(device.start, windows, marks.windows), step).astype(np.int32)
        windows = _device_windows(device.take(mine), step[mine], called, marks.windows)
    else:
        step = np.where(by_time, which(windows, device.start), step).astype(np.int32)
    missing = _missing(trace, of_host, len(numbers))
    works = np.bincount(step[mine & (step >= 0)], minlength=len(numbers)) > 0
    lasts = works & (windows.length > 0)
    whole = lasts & (missing <= MISSING)
    used, reasons = _of_usual_length(windows, whole if whole.any() else lasts, numbers)
    lost = {
        at: StepLeftOut(number=numbers[at], why="launches", value=float(missing[at]))
        for at in np.flatnonzero(lasts & ~used).tolist()
    }
    hidden = {
        at: StepLeftOut(number=numbers[at], why="hidden")
        for at in np.flatnonzero(works & ~lasts).tolist()
    }
    return Steps(
        source=marks.source,
        numbers=numbers,
        host=marks.windows,
        windows=windows,
        used=used,
        excluded=_left_out(numbers, used, {**lost, **hidden, **reasons}),
        of_host=of_host,
        of_device=step,
        by_time=int((by_time & (step >= 0)).sum()),
        earlier=int(earlier.sum()),
        missing=float(missing[used].max(initial=0.0)),
    )


def _when(start: Ns, windows: Windows, marked: Windows) -> Ids:
    """Return the step of work whose launch is not in the trace, by when it begins; -1: none.

    That is the step whose other work ends next, but none that the host had not begun by then: it
    was launched before. So work after all that is linked may still be that of the last step.
    """
    at_most = which(marked, start)
    found = which(windows, start)
    late = (start >= windows.end.max()) | (found > at_most)
    return np.where(late & (at_most >= 0), at_most, found)


def _first_of_their_stream(device: Device, linked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows begin before all rows of their stream that have a launch in the trace."""
    found = np.zeros(len(device), dtype=bool)
    for number in np.unique(device.device[linked]):
        own = linked & (device.device == number)
        streams, first = np.unique(device.stream[own], return_index=True)
        begins = device.start[own][first]  # rows are in the order of their beginnings
        at = np.minimum(np.searchsorted(streams, device.stream), len(streams) - 1)
        same = (streams[at] == device.stream) & (device.device == number)
        found |= same & (device.start < begins[at])
    return found


def _device_windows(device: Device, step: Ids, called: Ns, marked: Windows) -> Windows:
    """Return for each step the time from the last work of the one before to its own last work.

    `called`: when each row was launched; work of no step that was launched before a step, be it
    before the first one or between two, is not in that step's time.
    """
    count = len(marked.start)
    mine = step >= 0
    end = np.full(count, np.iinfo(np.int64).min)
    np.maximum.at(end, step[mine], device.end[mine])
    end = np.maximum.accumulate(end)
    first = int(step[mine].min())
    begin = np.append(end[:1], end[:-1])
    before = (step < 0) & (called < marked.start[first])
    begin[first] = _beginning(device, step == first, before, step, int(marked.start[first]))
    begin[first] = min(begin[first], end[first])
    begin[:first] = end[:first] = begin[first]
    between = (step < 0) & (called >= marked.start[first])
    follows = np.searchsorted(marked.start, called, side="right")
    for number in np.unique(follows[between & (follows < count)]).tolist():
        own = step == number
        if own.any():
            ends = _ends(device, own, between & (follows == number), step)
            begin[number] = min(max(int(begin[number]), ends), int(end[number]))
    return Windows(start=begin, end=end)


def _beginning(
    device: Device, first: NDArray[np.bool_], before: NDArray[np.bool_], step: Ids, marked: int
) -> int:
    """Return when the first step begins: as the host's, or once the device has done the rest.

    Earlier work counts on streams on which the step has work, as that had to wait for it there,
    and wherever it ended before all work of the step.
    """
    own = int(device.start[first].min())
    ends = _ends(device, first, before, step)
    ends = max(ends, int(device.end[(step < 0) & (device.end <= own)].max(initial=0)))
    return max(min(own, marked), ends)


def _ends(device: Device, own: NDArray[np.bool_], before: NDArray[np.bool_], step: Ids) -> int:
    """Return when what was launched before a step has ended, as far as the step had to wait."""
    waited = before & np.isin(device.stream, np.unique(device.stream[own]))
    waited |= before & (device.end <= int(device.start[own].min()))
    return int(device.end[waited].max(initial=0))


def _of_usual_length(
    windows: Windows, used: NDArray[np.bool_], numbers: tuple[int, ...]
) -> tuple[NDArray[np.bool_], dict[int, StepLeftOut]]:
    """Return which of these steps are not thousands of times as long as the others, and why."""
    if used.sum() < 3:
        return used, {}
    length = windows.length
    median = max(1.0, float(np.median(length[used])))
    odd = used & (length > LONGEST * median)
    reasons = {
        at: StepLeftOut(number=numbers[at], why="long", value=float(length[at] / median))
        for at in np.flatnonzero(odd).tolist()
    }
    return used & ~odd, reasons


def _missing(trace: Trace, of_host: Ids, count: int) -> NDArray[np.float64]:
    """Share of each step's launches whose kernel is not in the trace; one alone may happen."""
    host = trace.host
    launches = of_names(trace.names, lambda name: 1 if _LAUNCH.match(name) else None)
    calls = (launches[host.name] > 0) & (host.kind == Kind.LAUNCH) & (of_host >= 0)
    calls &= ~_captured(host, trace.names)
    # A call of the runtime and the one of the driver below it share a number: they are one launch.
    at = np.flatnonzero(calls)
    _, first = np.unique(host.key[at], return_index=True)
    at = at[first]
    lost = at[~np.isin(host.key[at], trace.device.key)]
    every = np.bincount(of_host[at], minlength=count)
    missing = np.bincount(of_host[lost], minlength=count)
    return np.where(missing > 1, missing / np.maximum(every, 1), 0.0)


def _captured(host: Host, names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Whether a CUDA graph was being captured when each row began: nothing is launched then."""

    def moments(pattern: str) -> Ns:
        found = of_names(names, lambda name: 1 if re.match(pattern, name) else None)[host.name] > 0
        return np.sort(host.start[found & (host.kind == Kind.LAUNCH)])

    begun = np.searchsorted(moments(r"\w*StreamBeginCapture"), host.start, side="right")
    return begun > np.searchsorted(moments(r"\w*StreamEndCapture"), host.start, side="right")


def _left_out(
    numbers: tuple[int, ...], used: NDArray[np.bool_], reasons: dict[int, StepLeftOut]
) -> tuple[StepLeftOut, ...]:
    return tuple(
        reasons.get(at) or StepLeftOut(number=number, why="no work")
        for at, number in enumerate(numbers)
        if not used[at]
    )
