"""How kernels were launched: the queue, kernels not worth a call, threads that launch."""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_host import Launches, Operators, Queue, Short
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.host.rows import STEP, in_used_steps, used_windows
from resnext_bench.reports.trace.kernels.tables import share
from resnext_bench.reports.trace.reading.trace import Ids, Kind, Ns
from resnext_bench.reports.trace.time.intervals import Windows, union
from resnext_bench.reports.trace.time.links import of_names

_GRAPH: Final = re.compile(r"(cuda|hip|cu)GraphLaunch")
_SHORT_NS: Final = 10_000


def launches(analysis: Analysis) -> Launches | None:
    """Return all of it; None where no kernel ran in a used step."""
    trace, steps = analysis.trace, analysis.steps
    device, host = trace.device, trace.host
    mine = device.device == (-1 if analysis.device is None else analysis.device)
    used = mine & np.append(steps.used, False)[steps.of_device]
    kernels = np.flatnonzero(used & (device.kind == Kind.KERNEL))
    if not len(kernels):
        return None
    linked = used & (analysis.links.launch >= 0)
    duration, launch = device.duration[kernels], analysis.links.launch[kernels]
    calls, launched = np.unique(launch[launch >= 0], return_counts=True)
    graphs = of_names(trace.names, lambda name: 1 if _GRAPH.match(name) else None) > 0
    per_kernel = _per_kernel(launch, calls, launched, host.duration)
    return Launches(
        kernels=len(kernels),
        median_ns=float(np.median(duration)),
        total_ns=int(duration.sum()),
        linked=share(int(device.duration[linked].sum()), int(device.duration[used].sum())),
        calls=len(calls),
        graphs=int(graphs[host.name[calls]].sum()),
        call_median_ns=float(np.median(host.duration[calls])) if len(calls) else None,
        calls_ns=int(host.duration[calls].sum()),
        queue=_queue(analysis, mine & (device.kind == Kind.KERNEL), kernels),
        under_10_us=_short(duration, duration < _SHORT_NS),
        under_call=_short(duration, duration < per_kernel),
    )


def _per_kernel(launch: Ids, calls: Ids, launched: NDArray[np.intp], duration: Ns) -> Ns:
    """Return each kernel's part of its call, ns; 0 without a call."""
    if not len(calls):
        return np.zeros(len(launch), dtype=np.int64)
    part = duration[calls] // launched
    at = np.minimum(np.searchsorted(calls, launch), len(calls) - 1)
    return np.where(launch >= 0, part[at], 0)


def _short(duration: Ns, which: NDArray[np.bool_]) -> Short:
    return Short(count=int(which.sum()), total_ns=int(duration[which].sum()))


def _queue(analysis: Analysis, mine: NDArray[np.bool_], kernels: NDArray[np.intp]) -> Queue | None:
    """Return the queue of `mine`, a device's kernels; `kernels` are those of used steps."""
    device, launch = analysis.trace.device, analysis.links.launch
    rows = np.flatnonzero(mine & (launch >= 0))
    timed = kernels[launch[kernels] >= 0]
    if not len(timed):
        return None
    came = analysis.trace.host.start[launch]
    # Clocks of host and device may differ by a little: nothing begins before it is launched.
    delay = np.sort(np.maximum(device.start[timed] - came[timed], 0))
    begun = device.start[rows]
    time = _waiting(np.minimum(came[rows], begun), begun, used_windows(analysis))
    reached = np.cumsum(time)
    return Queue(
        median=int(np.searchsorted(reached, reached[-1] / 2)),
        most=int(np.flatnonzero(time).max(initial=0)),
        empty=share(int(time[0]), int(reached[-1])),
        delay_median_ns=float(np.median(delay)),
        delay_p95_ns=int(delay[-(-len(delay) * 95 // 100) - 1]),
    )


def _waiting(came: Ns, begun: Ns, windows: Windows) -> Ns:
    """Return, by how many were waiting, for how long within the windows that was so, ns."""
    inside = union(windows.start, windows.end)
    moments = np.concatenate([came, begun])
    order = np.argsort(moments, kind="stable")
    count = np.cumsum(np.where(order < len(came), 1, -1))
    until = inside.before(moments[order])
    edges = np.append(until, inside.length)
    time = np.bincount(count, weights=np.diff(edges)).astype(np.int64)
    time[0] += until[0]
    return time


def operators(analysis: Analysis) -> Operators | None:
    """Return both; None on a CPU, or where no operator of such a thread is in the trace."""
    if analysis.device is None:
        return None
    host, steps, launch = analysis.trace.host, analysis.steps, analysis.links.launch
    used = np.append(steps.used, False)[steps.of_device] & (launch >= 0)
    used &= analysis.trace.device.device == analysis.device
    launches = np.zeros(int(host.thread.max(initial=0)) + 1, dtype=bool)
    launches[host.thread[launch[used]]] = True
    step = of_names(analysis.trace.names, lambda name: 1 if STEP.match(name) else None) > 0
    mine = (host.kind == Kind.OPERATOR) & launches[host.thread] & ~step[host.name]
    mine &= in_used_steps(analysis)
    if not mine.any():
        return None
    windows = Windows(start=steps.host.start[steps.used], end=steps.host.end[steps.used])
    busy = union(host.start[mine], host.end[mine]).within(windows)
    return Operators(count=int(mine.sum()), busy_ns=int(busy.sum()))
