"""Measures what else kept the cores busy while a user's program ran."""

import resource
import time
from collections.abc import Callable, Sequence

from resnext_bench.machine.host.cores import CpuReading, read_cpu


def watch_others(
    cores: Sequence[int],
    read: Callable[[Sequence[int]], CpuReading] = read_cpu,
    clock: Callable[[], float] = time.monotonic,
) -> Callable[[], float]:
    """Begin to watch; the function returned gives the share of `cores` that others had, in %.

    Others are all but this process and the processes that it started and waited for, with their
    children that were waited for in turn: what a program leaves behind, or kills, counts as
    others'. The hypervisor's share is included.
    """
    first, ours, start = read(cores), _ours_s(), clock()

    def percent() -> float:
        last = read(cores)
        others = last.busy_s - first.busy_s - (_ours_s() - ours)
        lost = max(0.0, others) + last.steal_s - first.steal_s
        owned = len(cores) * (clock() - start)
        return 100 * lost / owned if owned > 0 else 0.0

    return percent


def _ours_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
