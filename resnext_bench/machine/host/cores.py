"""Who used the cores: counters of the kernel, read before and after the timed window."""

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
"""Which of a process's clocks: the time its threads ran (linux/posix-timers.h)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CpuReading:
    """Seconds since boot (cores) or since the start (process); only differences mean anything."""

    process_s: float
    """This process, all threads, and whatever it has started: loaders may be processes."""
    busy_s: float
    """The cores, busy with anything of this machine."""
    steal_s: float
    """The cores, taken by the hypervisor."""
    waited_s: float | None = None
    """Threads of this process, and of what it has started, ready to run and waiting for a core;
    None where the kernel does not tell (CONFIG_SCHED_INFO, gVisor)."""


def read_cpu(cores: Sequence[int], stat: Path = _PROC / "stat") -> CpuReading:
    """Counters of `cores` and of this process, now."""
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
    """Return how long threads of these processes were ready and had no core, all together.

    The run delay of the scheduler (Documentation/scheduler/sched-stats): none where a core is
    free, whoever is busy on the others. Threads that have ended are not in it.
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
    """Tasks that ran or waited, averaged over the last minute; None where nobody counts them."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def _ours_s() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    _, *started = descendants([os.getpid()])
    return time.process_time() + running_s(started) + ended.ru_utime + ended.ru_stime


def descendants(pids: Iterable[int], proc: Path = _PROC) -> list[int]:
    """These processes and all below them that live, each once.

    Where a kernel lists no children (CONFIG_PROC_CHILDREN), these alone.
    """
    found = list(dict.fromkeys(pids))
    for pid in found:  # which grows meanwhile
        found += [child for child in _children(proc / str(pid) / "task") if child not in found]
    return found


def _children(tasks: Path) -> list[int]:
    """The kernel keeps a list for each thread, as it is a thread that forks."""
    words: list[str] = []
    with suppress(OSError):
        for task in list(tasks.iterdir()):
            with suppress(OSError):  # a thread may have ended meanwhile
                words += (task / "children").read_text().split()
    return [int(word) for word in words]


def running_s(pids: Iterable[int]) -> float:
    """CPU time of these processes so far, all threads; those that are gone count nothing.

    By the clocks of processes (clock_getcpuclockid(3)), as /proc counts in ticks of 10 ms.
    """
    total = 0.0
    for pid in pids:
        with suppress(OSError):
            total += time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
    return total


def cpu_seconds(pids: Iterable[int], proc: Path = _PROC) -> float:
    """CPU time of these processes so far, all threads; those that ended count nothing."""
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
