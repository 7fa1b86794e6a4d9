"""What DistributedDataParallel does beside the model: buffers that it sends, gradients it copies.

Before each forward pass it sends the buffers of the first rank (statistics of normalisation) to
the others: they are laid end to end, sent, and copied back one by one. After each backward pass
averaged gradients are copied from its buckets to where the optimizer reads them.

Without such work the step is shorter by no more than the host's time in it, as far as the device
idles, and by the time in which nothing but this work ran on the device.
"""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.host.rows import in_used_steps, used_windows
from resnext_bench.reports.trace.reading.trace import Host, Kind, Ns, Trace
from resnext_bench.reports.trace.time.intervals import Times, gaps, union
from resnext_bench.reports.trace.time.links import of_names
from resnext_bench.reports.trace.time.nest import inherited

_FORWARD: Final = re.compile(r"DistributedDataParallel\.forward")
_SENT: Final = re.compile(r"c10d::_?broadcast|\w+:_?broadcast")
_LAID: Final = re.compile(
    r"aten::_?(un)?flatten_dense_tensors|aten::(copy_|narrow|view)$|record_param_comms|.*reducer::"
)
"""What else happens around the sending, before any operator of the model."""
_JOINED: Final = re.compile(r"aten::(cat|reshape|empty|zeros)$")
"""What lays tensors end to end in versions that do not name it; only before they are sent."""
_COPIED: Final = re.compile(r"torch.*reducer::(copy_bucket_to_grad|copy_$)")
"""Without gradients of their own there is neither; what divides them (`mul_out`) stays."""
_DDP: Final = re.compile(r"DistributedDataParallel|nn\.Module: DistributedDataParallel|.*reducer::")


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Work of one kind within the used steps."""

    count: int
    """Operators that send, or copy."""
    host_ns: int
    """How long the host is at it."""
    idle_ns: int
    """Of that, how long the device idles."""
    ended_ns: int
    """Idle time that ends with this work."""
    alone_ns: int
    """When nothing but this work ran on the device."""


def is_ddp(trace: Trace) -> bool:
    """Return whether a trace shows DistributedDataParallel at work."""
    return any(_DDP.match(name) for name in trace.names)


def buffers(analysis: Analysis) -> Beside | None:
    """Return what comes before the model's first operator, where buffers are sent in it."""
    trace, host = analysis.trace, analysis.trace.host
    outer = _named(trace, _FORWARD) & (host.kind != Kind.LAUNCH)
    if not outer.any():
        return None
    sends = _named(trace, _SENT) & (host.kind != Kind.LAUNCH)
    parent = analysis.links.parent
    child = np.flatnonzero((parent >= 0) & outer[np.maximum(parent, 0)])
    until = _models(analysis, child, sends)
    before = child[host.start[child] < until[parent[child]]]
    with_any = np.zeros(len(host), dtype=bool)
    with_any[parent[before[sends[before]]]] = True
    with_any &= in_used_steps(analysis)
    rows = np.zeros(len(host), dtype=bool)
    rows[before[with_any[parent[before]]]] = True
    if not rows.any():
        return None
    span = union(host.start[with_any], until[with_any])
    return _beside(analysis, rows, span, int((rows & sends).sum()))


def _models(analysis: Analysis, child: NDArray[np.intp], sends: NDArray[np.bool_]) -> Ns:
    """Return of each row above these when its first operator begins that is the model's own."""
    trace, host, above = analysis.trace, analysis.trace.host, analysis.links.parent[child]
    sent = host.end.copy()
    np.minimum.at(sent, above[sends[child]], host.start[child[sends[child]]])
    ddps = sends | _named(trace, _LAID)
    ddps = ddps[child] | (_named(trace, _JOINED)[child] & (host.start[child] < sent[above]))
    models = (host.kind[child] != Kind.LAUNCH) & ~ddps
    until = host.end.copy()
    np.minimum.at(until, above[models], host.start[child[models]])
    return until


def copies_of_gradients(analysis: Analysis) -> Beside | None:
    """Return what copies gradients between buckets and parameters."""
    trace, host = analysis.trace, analysis.trace.host
    rows = _named(trace, _COPIED) & (host.kind != Kind.LAUNCH)
    if not rows.any():
        return None
    rows &= in_used_steps(analysis)
    if not rows.any():
        return None
    return _beside(analysis, rows, _together(host, np.flatnonzero(rows)), int(rows.sum()))


def _together(host: Host, rows: NDArray[np.intp]) -> Times:
    """Return when these rows run, with what lies between those that follow one another at once.

    That is the loop around them, and what the profiler takes to note them down.
    """
    before, after = rows[:-1], rows[1:]
    follows = (host.thread[before] == host.thread[after]) & (
        host.start[after - 1] < host.end[before]
    )
    begun = host.start[rows]
    begun[1:] = np.where(follows, np.minimum(host.end[before], begun[1:]), begun[1:])
    return union(begun, host.end[rows])


def _named(trace: Trace, pattern: re.Pattern[str]) -> NDArray[np.bool_]:
    found = of_names(trace.names, lambda name: 1 if pattern.match(name) else None) > 0
    rows: NDArray[np.bool_] = found[trace.host.name]
    return rows


def _beside(analysis: Analysis, rows: NDArray[np.bool_], span: Times, count: int) -> Beside:
    """Return the figures of these rows and of all below them; `span` is the host's time."""
    device, launch = analysis.trace.device, analysis.links.launch
    below = inherited(np.where(rows, 1, -1).astype(np.int32), analysis.links.parent) > 0
    here = device.device == analysis.device
    mine = here & (launch >= 0) & np.append(below, False)[launch]
    windows = used_windows(analysis)
    free = gaps(analysis.busy.any, windows)
    rest = union(device.start[here & ~mine], device.end[here & ~mine])
    ended = np.isin(free.end, device.start[mine])
    return Beside(
        count=count,
        host_ns=span.length,
        idle_ns=(free & span).length,
        ended_ns=int((free.end - free.start)[ended].sum()),
        alone_ns=int((analysis.busy.any.within(windows) - rest.within(windows)).sum()),
    )
