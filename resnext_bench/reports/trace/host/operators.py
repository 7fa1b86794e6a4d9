"""Operators of the threads that launch kernels: how many, and how long the host is in them."""

import numpy as np

from resnext_bench.reports.schema.trace_host import Operators
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.host.rows import STEP, in_used_steps
from resnext_bench.reports.trace.reading.trace import Kind
from resnext_bench.reports.trace.time.intervals import Windows, union
from resnext_bench.reports.trace.time.links import of_names


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
