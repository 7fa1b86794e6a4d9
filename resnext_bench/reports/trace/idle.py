"""Idle time of a device by what the host did meanwhile.

A gap ends with work that some call launched. Until that call came the host was late: it was
loading data, or waiting in a synchronisation, or else too slow with everything that lies between
launches. From the call on the work was on its way: launch latency, or an event of another stream.
Between the work of one replay of a captured graph that is no matter of launches.
A gap that no work ends, such as the last one of a range, is loading or waiting as far as the host
did that in it.
The parts of all gaps add up to the idle time exactly.
"""

import re
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.graphs.replays import is_graph
from resnext_bench.reports.trace.reading.trace import Ids, Kind, Ns, Trace
from resnext_bench.reports.trace.time.intervals import NO_TIME, Times, Windows, gaps, union
from resnext_bench.reports.trace.time.links import Links, of_names


class Cause(StrEnum):
    """What a device, or a CPU, waits for while nothing runs."""

    LOADING = "data loading"
    SYNCHRONISATION = "synchronisation"
    HOST = "host between launches"
    LAUNCH = "launch latency, dependency"
    REPLAY = "within replays of graphs"
    UNKNOWN = "before work whose launch is not in the trace"
    AFTER = "no more work until the end"
    RUNTIME = "calls of the device's runtime"
    NO_OPERATOR = "no operator (Python, framework)"


_LOADING: Final = re.compile(r"enumerate\(DataLoader\)|## next batch ##|\w*DataLoader\w*\.")
_WAITING: Final = re.compile(
    r"(cuda|hip)\w*Synchronize|(cuda|hip)Mem(cpy|set)$|cu\w+Synchronize$|hipMemcpyWithStream$|"
    r"(cuda|hip)(Free|FreeHost|Malloc|HostAlloc|HostMalloc)$|cuMemcpy\w*(?<!Async)$"
)
"""Calls that return when the device has finished."""

_LONG_CALL: Final = 50_000
"""ns; a launch takes some thousands."""


def idle(analysis: Analysis) -> dict[Cause, int]:
    """Idle time of the used steps by cause, ns."""
    return {cause: times.length for cause, times in idle_times(analysis).items()}


def idle_by_step(analysis: Analysis) -> dict[Cause, Ns]:
    """Idle time of each used step by cause, ns."""
    windows = _windows(analysis)
    return {cause: times.within(windows) for cause, times in idle_times(analysis).items()}


def idle_times(analysis: Analysis) -> dict[Cause, Times]:
    """When nothing ran in the used steps, by cause; no moment has two."""
    trace, device = analysis.trace, analysis.device
    free = gaps(analysis.busy.any, _windows(analysis))
    loading = free & loading_times(trace)
    if device is None:
        calls = trace.host.take(trace.host.kind == Kind.LAUNCH)
        runtime = (free & union(calls.start, calls.end)) - loading
        return {
            Cause.LOADING: loading,
            Cause.RUNTIME: runtime,
            Cause.NO_OPERATOR: free - loading - runtime,
        }
    late, replay, unknown, after = _host_late(trace, analysis.links, free, device)
    waiting = _host_times(trace, _WAITING, Kind.LAUNCH)
    own = late | after
    loads, waits = own & loading, (own & waiting) - loading
    return {
        Cause.LOADING: loads,
        Cause.SYNCHRONISATION: waits,
        Cause.HOST: late - loads - waits,
        Cause.LAUNCH: free - late - replay - unknown - after,
        Cause.REPLAY: replay,
        Cause.UNKNOWN: unknown,
        Cause.AFTER: after - loads - waits,
    }


def _windows(analysis: Analysis) -> Windows:
    steps = analysis.steps
    return Windows(start=steps.windows.start[steps.used], end=steps.windows.end[steps.used])


def loading_times(trace: Trace) -> Times:
    """When the host waited for a batch."""
    return _host_times(trace, _LOADING, Kind.ANNOTATION, Kind.OPERATOR)


def _host_times(trace: Trace, pattern: re.Pattern[str], *kinds: Kind) -> Times:
    """When rows of the host with such a name ran, on any thread."""
    host = trace.host
    named = of_names(trace.names, lambda name: 1 if pattern.match(name) else None)[host.name] > 0
    rows = named & np.isin(host.kind, kinds)
    return union(host.start[rows], host.end[rows])


def _host_late(
    trace: Trace, links: Links, free: Times, device: int
) -> tuple[Times, Times, Times, Times]:
    """Return of each gap the part before the call that ends it, and gaps without such a part.

    Those are gaps within a replay, gaps that end with work whose call is not known, and gaps that
    no work ends.
    """
    mine = np.flatnonzero(trace.device.device == device)
    if not len(mine):
        return NO_TIME, NO_TIME, NO_TIME, free
    # Of several that begin together one with a launch tells when the work was on its way.
    mine = mine[np.lexsort((links.launch[mine] < 0, trace.device.start[mine]))]
    start, launch = trace.device.start[mine], links.launch[mine]
    # A call that lasts is the host's own work, such as the loading of a module at the first use.
    host = trace.host
    came = np.where(host.duration > _LONG_CALL, host.end, host.start)
    call = np.append(came, 0)[launch]
    at = np.searchsorted(start, free.end)  # the work that begins where the gap ends
    ends = np.minimum(at, len(start) - 1)
    ended = (at < len(start)) & (start[ends] == free.end)
    known = ended & (launch[ends] >= 0)
    within = known & (_replays_begun(trace, start, launch)[launch[ends]] < free.end)
    known &= ~within
    until = np.clip(call[ends], free.start, free.end)

    def of(which: NDArray[np.bool_]) -> Times:
        return union(free.start[which], free.end[which])

    late = union(free.start[known], until[known])
    return late, of(within), of(ended & ~known & ~within), of(~ended)


def _replays_begun(trace: Trace, start: Ns, launch: Ids) -> Ns:
    """Return for each row of the host, and behind them, when the graph that it launched began.

    Those that launched none have the end of time.
    """
    begun = np.full(len(trace.host) + 1, np.iinfo(np.int64).max)
    replayed = is_graph(trace)[np.append(trace.host.name, -1)[launch]]
    np.minimum.at(begun, launch[replayed], start[replayed])
    return begun
