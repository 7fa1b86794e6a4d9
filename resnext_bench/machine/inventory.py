"""Takes stock of this machine without torch: cores the program may use, memory, GPUs."""

import math
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

from resnext_bench.machine.gpu import monitor
from resnext_bench.machine.gpu.details import Details, Driver, read_details
from resnext_bench.machine.host.cgroup import quota_cores
from resnext_bench.machine.host.numa import Numa, read_numa
from resnext_bench.machine.host.sources import here


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpu:
    """One GPU, with its index among those visible to the program."""

    index: int
    name: str
    memory_gib: float
    capability: tuple[int, int]
    node: int | None = None
    """NUMA node to which it is attached; None where it is not known."""
    compute_mode: str = ""
    """Who may compute on it, in nvidia-smi's words; empty where it is not known."""

    @property
    def has_bf16(self) -> bool:
        """Whether tensor cores take bf16 (Ampere, 8.0, and later)."""
        return self.capability >= (8, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """The part of a host that this process may use."""

    cores: tuple[int, ...]
    """Logical CPUs of the affinity mask by NUMA node, with siblings of a physical core together."""
    physical_cores: int
    usable_cores: int
    """Logical CPUs that can be busy at once: the mask, or the container's quota where less."""
    memory_gib: float
    gpus: tuple[Gpu, ...]
    cpu_name: str
    numa: Numa = field(default_factory=Numa)
    """NUMA nodes of the cores."""
    driver: Driver = field(default_factory=Driver)
    """Driver of the GPUs."""


def inspect() -> Machine:
    """Return what this machine has."""
    allowed = sorted(os.sched_getaffinity(0))
    siblings = {cpu: _siblings(cpu) for cpu in allowed}
    numa = read_numa(here())
    cores = tuple(sorted(allowed, key=lambda cpu: (numa.node_of[cpu], siblings[cpu], cpu)))
    gpus, details = monitor.visible_gpus(), Details()
    if gpus:
        details = read_details(Path("/sys"))
    return Machine(
        cores=cores,
        physical_cores=len(set(siblings.values())),
        usable_cores=min(len(cores), _quota_cores()),
        memory_gib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        gpus=tuple(
            Gpu(
                index=index,
                name=name,
                memory_gib=gib,
                capability=capability,
                node=details.of(index).attachment.node,
                compute_mode=details.of(index).compute_mode,
            )
            for index, (name, gib, capability) in enumerate(gpus)
        ),
        cpu_name=_cpu_name(),
        driver=details.driver,
        numa=numa,
    )


def _siblings(cpu: int) -> tuple[int, ...]:
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        return tuple(parse_cpu_list(path.read_text()))
    except OSError:
        return (cpu,)


def parse_cpu_list(text: str) -> list[int]:
    """Parse the kernel's list format: "0-2,8" is 0, 1, 2, 8."""
    cpus: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        cpus.extend(range(int(first), int(last or first) + 1))
    return cpus


def _quota_cores() -> int:
    """Return the whole cores that the control groups' quotas allow, where they are set."""
    quota = quota_cores(here())
    return 10**6 if quota is None else max(1, math.floor(quota))


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
