"""Who used the cores: counters of the kernel, read before and after the timed window."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_STAT = Path("/proc/stat")


@dataclass(frozen=True, kw_only=True, slots=True)
class CpuReading:
    """Seconds since boot (cores) or since the start (process); only differences mean anything."""

    process_s: float
    """This process, all threads."""
    busy_s: float
    """The cores, busy with anything of this machine."""
    steal_s: float
    """The cores, taken by the hypervisor."""


def read_cpu(cores: Sequence[int], stat: Path = _STAT) -> CpuReading:
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
        process_s=time.process_time(),
        busy_s=busy / _TICKS_PER_S,
        steal_s=steal / _TICKS_PER_S,
    )


def reset_peak_memory() -> None:
    """Let the kernel count this process's peak resident set from here on, where it may."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_memory_gib() -> float:
    """Peak resident set of this process since the last reset, GiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 2**20
    return 0.0
