"""The steps of a trace, on the host and where their work ran.

A GPU trails the host, on a real trace by 1.8 steps, so that the host's window of a step holds the
kernels of another one. Work belongs to the step during which it was launched. On the device a step
lasts from the end of the last kernel of the step before to the end of its own last kernel, so that
steps tile the time; the first begins with the host's step, or when the device has finished what
came before. On a CPU a step is what the profiler says it is.
"""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import Device, Host, Ids, Kind, Trace
from resnext_bench.reports.trace.time.intervals import Ns, Windows
from resnext_bench.reports.trace.time.links import Links, of_names

_STEP: Final = re.compile(r"ProfilerStep#(\d{1,9})$")
_LAUNCH: Final = re.compile(r"\w*(Launch\w*Kernel|ModuleLaunch|LaunchCooperative)")
MISSING: Final = 0.01
"""Share of a step's launches without a kernel in the trace from which on it is not used."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps:
    """The steps of a trace; where the profiler marked none, the whole trace as one."""

    marked: bool
    numbers: tuple[int, ...]
    """As the profiler counts; 0 for a whole trace."""
    host: Windows
    """What the profiler marked on the host."""
    windows: Windows
    """Where the step's work ran: on the device if there is one, else as on the host."""
    used: NDArray[np.bool_]
    """Those that figures are made of."""
    excluded: tuple[str, ...]
    """Why each of the others is not used."""
    of_host: Ids
    """Step of each row of the host, by its start; -1: none."""
    of_device: Ids
    """Step of each row of the device, by its launch; -1: none."""
    by_time: int
    """Rows of the device among them that have no launch in the trace: put where they ran."""
    missing: float
    """Largest share of launches without a kernel in the trace, of the steps that are used."""

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


def steps(trace: Trace, links: Links, device: int | None) -> Steps:
    """Find them; on a device they last as long as its own work does."""
    numbers, marked = _marked(trace.host, trace.names)
    of_host = _which(marked, trace.host.start)
    if not numbers:
        return _whole(trace, device)
    if not trace.on_device:
        used = marked.length > 0
        return Steps(
            marked=True,
            numbers=numbers,
            host=marked,
            windows=marked,
            used=used,
            excluded=_why(numbers, used, {}),
            of_host=of_host,
            of_device=np.empty(0, dtype=np.int32),
            by_time=0,
            missing=0.0,
        )
    return _on_device(trace, links, trace.device.device == device, numbers, marked, of_host)


def _marked(host: Host, names: tuple[str, ...]) -> tuple[tuple[int, ...], Windows]:
    """Rows named ProfilerStep#N; on several threads those of the one that has most."""
    number = of_names(names, _number)[host.name]
    rows = np.flatnonzero((number >= 0) & (host.kind != Kind.LAUNCH))
    if len(rows):
        threads, counts = np.unique(host.thread[rows], return_counts=True)
        rows = rows[host.thread[rows] == threads[counts.argmax()]]
    start, end = host.start[rows], host.end[rows]
    end = np.minimum(end, np.append(start[1:], end[-1:]))  # one that overlaps the next ends there
    return tuple(number[rows].tolist()), Windows(start=start, end=end)


def _number(name: str) -> int | None:
    match = _STEP.match(name)
    return int(match[1]) if match else None


def _which(windows: Windows, moments: Ns) -> Ids:
    """The window that holds each moment; -1: none."""
    if not len(windows.start):
        return np.full(len(moments), -1, dtype=np.int32)
    at = np.searchsorted(windows.start, moments, side="right") - 1
    inside = (at >= 0) & (moments < windows.end[np.maximum(at, 0)])
    return np.where(inside, at, -1).astype(np.int32)


def _whole(trace: Trace, device: int | None) -> Steps:
    """The time from the first work to the last."""
    mine = trace.device.take(trace.device.device == device)
    rows = mine if trace.on_device else _of_kind(trace.host, Kind.OPERATOR)
    start = np.array([rows.start.min(initial=2**62)]) if len(rows) else np.zeros(1, np.int64)
    end = np.array([rows.end.max(initial=0)]) if len(rows) else np.zeros(1, np.int64)
    window = Windows(start=start, end=end)
    every = np.zeros(len(trace.host), np.int32)
    on_device = np.zeros(len(trace.device), np.int32)
    return Steps(
        marked=False,
        numbers=(0,),
        host=window,
        windows=window,
        used=window.length > 0,
        excluded=(),
        of_host=every,
        of_device=on_device,
        by_time=0,
        missing=0.0,
    )


def _of_kind(host: Host, kind: Kind) -> Host:
    return host.take(host.kind == kind)


def _on_device(
    trace: Trace,
    links: Links,
    mine: NDArray[np.bool_],
    numbers: tuple[int, ...],
    marked: Windows,
    of_host: Ids,
) -> Steps:
    """`mine`: rows of the device that is reported on."""
    device = trace.device
    origin = np.where(links.launch >= 0, links.launch, links.operator)
    step = np.append(of_host, np.int32(-1))[origin]
    # Where nothing is linked, all that is known is when a kernel ran.
    linked = mine & (step >= 0)
    windows = marked
    if linked.any():
        windows = _device_windows(device.take(mine), step[mine], marked)
    unlinked = origin < 0
    step = np.where(unlinked, _which(windows, device.start), step).astype(np.int32)
    missing = _missing(trace, of_host, len(numbers))
    works = np.bincount(step[mine & (step >= 0)], minlength=len(numbers)) > 0
    whole = works & (windows.length > 0) & (missing <= MISSING)
    used = whole if whole.any() else works & (windows.length > 0)
    reasons = {
        at: f"{missing[at]:.0%} of its launches have no kernel in the trace"
        for at in np.flatnonzero(works & ~used).tolist()
    }
    return Steps(
        marked=True,
        numbers=numbers,
        host=marked,
        windows=windows,
        used=used,
        excluded=_why(numbers, used, reasons),
        of_host=of_host,
        of_device=step,
        by_time=int((unlinked & (step >= 0)).sum()),
        missing=float(missing[used].max(initial=0.0)),
    )


def _device_windows(device: Device, step: Ids, marked: Windows) -> Windows:
    """From the last kernel of the step before to the last one of the step, ns."""
    count = len(marked.start)
    worker = device.kind == Kind.KERNEL
    mine = step >= 0
    chosen = mine & worker if (mine & worker).any() else mine
    end = np.full(count, np.iinfo(np.int64).min)
    np.maximum.at(end, step[chosen], device.end[chosen])
    end = np.maximum.accumulate(end)
    first = int(np.flatnonzero(np.bincount(step[chosen], minlength=count))[0])
    begin = np.append(end[:1], end[:-1])
    own = device.start[step == first].min()
    before = device.end[(step != first) & (device.end <= own)].max(initial=0)
    begin[first] = min(own, max(marked.start[first], before))
    begin[:first] = end[:first] = begin[first]
    return Windows(start=begin, end=end)


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


def _why(
    numbers: tuple[int, ...], used: NDArray[np.bool_], reasons: dict[int, str]
) -> tuple[str, ...]:
    return tuple(
        f"step {number}: {reasons.get(at, 'nothing of it ran on the device')}"
        for at, number in enumerate(numbers)
        if not used[at]
    )
