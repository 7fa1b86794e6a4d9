"""Who worked when: streams of a device, threads of a trace without one."""

import numpy as np

from resnext_bench.reports.schema.trace_host import StreamRow, ThreadRow
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.host.rows import used_windows
from resnext_bench.reports.trace.kernels.device_work import CLASSES
from resnext_bench.reports.trace.kernels.tables import grouped
from resnext_bench.reports.trace.reading.trace import Kind
from resnext_bench.reports.trace.time.intervals import union


def streams(analysis: Analysis) -> list[StreamRow]:
    """A row for each stream that worked in the used steps, the busiest first."""
    device, windows, work = analysis.trace.device, used_windows(analysis), analysis.work
    length = int(windows.length.sum())
    cls = np.full(len(device), len(CLASSES), dtype=np.int8)
    cls[work.itself] = work.cls
    mine = np.flatnonzero(device.device == analysis.device)
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


def threads(analysis: Analysis) -> list[ThreadRow]:
    """A row for each thread whose operators ran in the used steps, the busiest first."""
    trace, windows = analysis.trace, used_windows(analysis)
    host, length = trace.host, int(windows.length.sum())
    used = np.append(analysis.steps.used, False)[analysis.steps.of_host]
    mine = np.flatnonzero(host.kind == Kind.OPERATOR)
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
