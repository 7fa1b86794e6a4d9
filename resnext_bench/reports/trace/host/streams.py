"""Who worked when: streams of a device, threads of a trace without one."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_host import StreamRow, ThreadRow
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.host.rows import used_windows
from resnext_bench.reports.trace.kernels.device_work import CLASSES
from resnext_bench.reports.trace.kernels.tables import grouped
from resnext_bench.reports.trace.reading.trace import Kind, Rows
from resnext_bench.reports.trace.time.intervals import union

MOST: Final = 64
"""Streams or threads that are looked at."""


def streams(analysis: Analysis) -> list[StreamRow]:
    """Return a row for each stream that worked in the used steps, the busiest first."""
    if analysis.device is None:
        return []
    device, windows, work = analysis.trace.device, used_windows(analysis), analysis.work
    length = int(windows.length.sum())
    cls = np.full(len(device), len(CLASSES), dtype=np.int8)
    cls[work.itself] = work.cls
    mine = _busiest(np.flatnonzero(device.device == analysis.device), device.stream, device)
    rows = []
    for at in grouped(device.stream[mine]):
        these = mine[at]
        busy = int(union(device.start[these], device.end[these]).within(windows).sum())
        if not busy:
            continue
        used = these[cls[these] < len(CLASSES)]
        time = np.bincount(cls[used], weights=device.duration[used], minlength=1)
        rows.append(
            StreamRow(
                stream=int(device.stream[these[0]]),
                count=len(used),
                busy_ns=busy,
                idle_ns=length - busy,
                cls=CLASSES[int(time.argmax())] if len(used) else "",
            )
        )
    return sorted(rows, key=lambda row: (-row.busy_ns, row.stream))


def _busiest(mine: NDArray[np.intp], by: NDArray[Any], rows: Rows) -> NDArray[np.intp]:
    """Return those of these rows that belong to the streams or threads with most time."""
    _, which = np.unique(by[mine], return_inverse=True)
    time = np.bincount(which, weights=rows.duration[mine])
    kept = np.zeros(len(time), dtype=bool)
    kept[np.argsort(-time, kind="stable")[:MOST]] = True
    return mine[kept[which]]


def threads(analysis: Analysis) -> list[ThreadRow]:
    """Return a row for each thread whose operators ran in used steps; none with a device."""
    if analysis.device is not None:
        return []
    trace, windows = analysis.trace, used_windows(analysis)
    host, length = trace.host, int(windows.length.sum())
    used = np.append(analysis.steps.used, False)[analysis.steps.of_host]
    mine = _busiest(np.flatnonzero(host.kind == Kind.OPERATOR), host.thread, host)
    rows = []
    for at in grouped(host.thread[mine]):
        these = mine[at]
        busy = int(union(host.start[these], host.end[these]).within(windows).sum())
        if not busy:
            continue
        process, thread = trace.threads[host.thread[these[0]]]
        rows.append(
            ThreadRow(
                process=str(process),
                thread=str(thread),
                operators=int(used[these].sum()),
                busy_ns=busy,
                idle_ns=length - busy,
            )
        )
    return sorted(rows, key=lambda row: (-row.busy_ns, row.process, row.thread))
