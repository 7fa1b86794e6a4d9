"""Reads the kernel's counters of who used the cores, before and after the timed window."""

import os
import resource
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_CPUCLOCK_SCHED = 2
"""The clock of a process that counts the time its threads ran (linux/posix-timers.h)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CpuReading:
    """Seconds since boot (cores) or since the start (process); only differences mean anything."""

    process_s: float
    """CPU time of this process and all that it started: loaders may be processes."""
    busy_s: float
    """Time in which the cores were busy with any work of this machine."""
    steal_s: float
    """Time in which the hypervisor took the cores."""
    waited_s: float | None = None
    """Time in which threads of this process, and of what it has started, were ready to run and
    waited for a core; None where the kernel does not report it (CONFIG_SCHED_INFO, gVisor).
    """


def read_cpu(cores: Sequence[int], stat: Path = _PROC / "stat") -> CpuReading:
    """Read the counters of `cores` and of this process."""
    busy = steal = 0
    wanted = {f"cpu{core}" for core in cores}
    for line in stat.read_text().splitlines():
        name, *values = line.split()
        if name in wanted:
            # user nice system idle iowait irq softirq steal; guest time is inside user
            user, nice, system, _, _, irq, softirq, stolen = (int(value) for value in values[:8])
            busy += user + nice + system + irq + softirq
            steal += stolen
    return CpuReading(
        process_s=_ours_s(),
        busy_s=busy / _TICKS_PER_S,
        steal_s=steal / _TICKS_PER_S,
        waited_s=waited_s(descendants([os.getpid()])),
    )


def waited_s(pids: Iterable[int], proc: Path = _PROC) -> float | None:
    """Return how long threads of these processes were ready but had no core, added up.

    This is the scheduler's run delay (Documentation/scheduler/sched-stats): zero where a core is
    free, however busy the others are. Threads that have ended are not included.
    """
    ran = delayed = 0
    for pid in pids:
        with suppress(OSError):
            for task in list((proc / str(pid) / "task").iterdir()):
                with suppress(OSError, ValueError):  # a thread may have ended meanwhile
                    on_core, waiting, *_ = (task / "schedstat").read_text().split()
                    ran, delayed = ran + int(on_core), delayed + int(waiting)
    return delayed / 1e9 if ran else None


def load_1min() -> float | None:
    """Return the load average of the last minute; None where it is not counted."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def _ours_s() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    _, *started = descendants([os.getpid()])
    return time.process_time() + running_s(started) + ended.ru_utime + ended.ru_stime


def descendants(pids: Iterable[int], proc: Path = _PROC) -> list[int]:
    """Return these processes and all their living descendants, each once.

    Where a kernel lists no children (CONFIG_PROC_CHILDREN), return these alone.
    """
    found = list(dict.fromkeys(pids))
    for pid in found:  # which grows meanwhile
        found += [child for child in _children(proc / str(pid) / "task") if child not in found]
    return found


def _children(tasks: Path) -> list[int]:
    """Return a process's children; the kernel lists them by thread, as threads fork."""
    words: list[str] = []
    with suppress(OSError):
        for task in list(tasks.iterdir()):
            with suppress(OSError):  # a thread may have ended meanwhile
                words += (task / "children").read_text().split()
    return [int(word) for word in words]


def running_s(pids: Iterable[int]) -> float:
    """Return the CPU time of these processes so far; those that are gone count nothing.

    It is read from process clocks (clock_getcpuclockid(3)), as /proc counts in ticks of 10 ms.
    """
    total = 0.0
    for pid in pids:
        with suppress(OSError):
            total += time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
    return total


def cpu_seconds(pids: Iterable[int], proc: Path = _PROC) -> float:
    """Return the CPU time of these processes so far; those that ended count nothing."""
    ticks = 0
    for pid in pids:
        try:
            text = (proc / str(pid) / "stat").read_text()
        except OSError:
            continue
        # The name in parentheses may hold blanks; utime and stime are fields 14 and 15.
        fields = text[text.rindex(")") + 2 :].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS_PER_S
