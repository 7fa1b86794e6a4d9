"""What others do on this machine, from the kernel's counters, read twice a second apart."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from resnext_bench.machine.doctor.findings import Activity, Process
from resnext_bench.machine.host import cgroup
from resnext_bench.machine.host.cores import CpuReading, read_cpu
from resnext_bench.machine.host.sources import Sources, plain, read, read_number, read_table

SAMPLE_S: Final = 1.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
_LEAST_CORE_PERCENT: Final = 1.0
"""Least visible share of a core, per cent: one tick per second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessTicks:
    """CPU ticks of all threads of one process."""

    name: str
    ticks: int
    core: int
    """The core on which it last ran."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counters:
    """Counters that only grow. None: not visible here."""

    at_s: float
    cpu: CpuReading | None
    processes: dict[tuple[int, int], ProcessTicks]
    """Processes by id and start, as ids are used again."""
    swapped: tuple[int, int] | None
    """Pages swapped in and out."""
    throttled_periods: int | None
    thermal_events: int | None
    pressure_us: dict[str, int]


def sample(
    sources: Sources, seconds: float = SAMPLE_S, sleep: Callable[[float], None] = time.sleep
) -> Activity:
    """Watch the machine for `seconds`."""
    before = read_counters(sources)
    sleep(seconds)
    return difference(before, read_counters(sources), sources)


def read_counters(sources: Sources) -> Counters:
    """Read all counters."""
    return Counters(
        at_s=time.monotonic(),
        cpu=_cpu(sources),
        processes=_processes(sources),
        swapped=_swapped(sources),
        throttled_periods=cgroup.throttled_periods(sources),
        thermal_events=_thermal_events(sources),
        pressure_us=_pressure(sources),
    )


def difference(before: Counters, after: Counters, sources: Sources) -> Activity:
    """Return what happened between two readings."""
    seconds = after.at_s - before.at_s
    foreign, steal = _lost_percent(before.cpu, after.cpu, seconds * len(sources.cores))
    swap_in, swap_out = _swap_mib_s(before.swapped, after.swapped, seconds)
    return Activity(
        seconds=seconds,
        foreign_percent=foreign,
        steal_percent=steal,
        boot_steal_percent=_boot_steal_percent(after.cpu),
        processes=_busiest(before, after, seconds, sources),
        swap_in_mib_s=swap_in,
        swap_out_mib_s=swap_out,
        throttled_periods=_grown(before.throttled_periods, after.throttled_periods),
        thermal_events=_grown(before.thermal_events, after.thermal_events),
        boot_thermal_events=after.thermal_events,
        pressure_percent={
            name: min(100.0, (total - before.pressure_us[name]) / seconds / 1e4)
            for name, total in after.pressure_us.items()
            if name in before.pressure_us
        },
    )


def _grown(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


def _lost_percent(
    before: CpuReading | None, after: CpuReading | None, owned_s: float
) -> tuple[float | None, float | None]:
    """Return the shares of our cores that other processes and the hypervisor had."""
    if before is None or after is None or not owned_s:
        return None, None
    others_s = (after.busy_s - before.busy_s) - (after.process_s - before.process_s)
    steal_s = after.steal_s - before.steal_s
    return (
        100 * min(max(0.0, others_s), owned_s) / owned_s,
        100 * min(max(0.0, steal_s), owned_s) / owned_s,
    )


def _boot_steal_percent(cpu: CpuReading | None) -> float | None:
    return None if cpu is None else 100 * cpu.steal_s / (cpu.busy_s + cpu.steal_s)


def _swap_mib_s(
    before: tuple[int, int] | None, after: tuple[int, int] | None, seconds: float
) -> tuple[float | None, float | None]:
    if before is None or after is None:
        return None, None
    each_s = _PAGE_MIB / seconds
    return (after[0] - before[0]) * each_s, (after[1] - before[1]) * each_s


def _busiest(
    before: Counters, after: Counters, seconds: float, sources: Sources
) -> tuple[Process, ...]:
    """Return processes that ran on our cores, as far as they can be seen from here."""
    found = []
    for (pid, start), now in after.processes.items():
        then = before.processes.get((pid, start))
        ticks = now.ticks - (then.ticks if then else 0)
        percent = 100 * ticks / _TICKS_PER_S / seconds
        if pid != sources.pid and now.core in sources.cores and percent >= _LEAST_CORE_PERCENT:
            found.append(Process(pid=pid, name=now.name, core_percent=percent))
    return tuple(sorted(found, key=lambda process: -process.core_percent))


def _cpu(sources: Sources) -> CpuReading | None:
    try:
        reading = read_cpu(sources.cores, sources.proc / "stat")
    except (OSError, ValueError):
        return None
    return reading if reading.busy_s else None  # some sandboxes answer with zeros


def _processes(sources: Sources) -> dict[tuple[int, int], ProcessTicks]:
    found = {}
    for folder in sources.proc.glob("[0-9]*"):
        # A name may hold spaces and parentheses, so the fields are counted from its end.
        head, _, tail = (read(folder / "stat") or "").rpartition(")")
        fields = tail.split()
        if len(fields) > 36:
            key = (int(folder.name), int(fields[19]))
            found[key] = ProcessTicks(
                name=plain(head.partition("(")[2]),
                ticks=int(fields[11]) + int(fields[12]),
                core=int(fields[36]),
            )
    return found


def _swapped(sources: Sources) -> tuple[int, int] | None:
    table = read_table(sources.proc / "vmstat")
    return (table["pswpin"], table["pswpout"]) if {"pswpin", "pswpout"} <= table.keys() else None


def _thermal_events(sources: Sources) -> int | None:
    """Count thermal events of our cores, and of the hottest package."""
    folders = [sources.cpu(core) / "thermal_throttle" for core in sources.cores]
    own = [read_number(folder / "core_throttle_count") for folder in folders]
    package = [read_number(folder / "package_throttle_count") for folder in folders]
    known, packages = ([one for one in all_ if one is not None] for all_ in (own, package))
    return sum(known) + max(packages, default=0) if known or packages else None


def _pressure(sources: Sources) -> dict[str, int]:
    """Return the microseconds since boot in which tasks waited, by resource."""
    found = {}
    for resource in ("cpu", "memory", "io"):
        for line in (read(sources.proc / "pressure" / resource) or "").splitlines():
            kind, *pairs = line.split()
            total = dict(pair.split("=", 1) for pair in pairs if "=" in pair).get("total", "")
            if kind == "some" and total.isdigit():
                found[resource] = int(total)
    return found
