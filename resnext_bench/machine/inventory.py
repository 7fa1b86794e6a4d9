"""Takes stock of this machine without torch: cores the program may use, memory, GPUs."""

import math
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

from resnext_bench.machine.gpu.attachment import completed
from resnext_bench.machine.gpu.driver import Driver
from resnext_bench.machine.gpu.facts import GpuFacts
from resnext_bench.machine.gpu.stock import Stock, take_stock
from resnext_bench.machine.gpu.vendors import NVIDIA, Vendor
from resnext_bench.machine.host.cgroup import quota_cores
from resnext_bench.machine.host.numa import Numa, read_numa
from resnext_bench.machine.host.sources import here


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpu:
    """One GPU, with its index among those visible to the program."""

    index: int
    name: str
    memory_gib: float | None
    """None where neither the driver nor torch reports it."""
    capability: tuple[int, int] | None
    """CUDA's compute capability; None where it is not reported, and for other vendors."""
    bf16: bool | None = None
    """Whether it multiplies bf16, where that does not follow from the capability."""
    vendor: Vendor = NVIDIA
    uuid: str = ""
    board: str = ""
    """UUID of the board that it is a slice of (MIG); empty for a whole board."""
    node: int | None = None
    """NUMA node to which it is attached; None where it is not known."""
    compute_mode: str = ""
    """Who may compute on it, in nvidia-smi's words; empty where it is not known."""

    @property
    def has_bf16(self) -> bool:
        """Whether tensor cores take bf16 (Ampere, 8.0, and later)."""
        if self.bf16 is not None:
            return self.bf16
        return self.capability is not None and self.capability >= (8, 0)


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
    """GPUs that respond."""
    cpu_name: str
    stock: Stock = field(default_factory=Stock)
    """What was said, and what was not, about its GPUs."""
    numa: Numa = field(default_factory=Numa)
    """NUMA nodes of the cores."""

    @property
    def driver(self) -> Driver:
        """Return the driver of its GPUs."""
        return self.stock.driver


def inspect(device: str = "") -> Machine:
    """Return what this machine has; `device` is what was asked for, where something was."""
    stock = take_stock(device)
    allowed = sorted(os.sched_getaffinity(0))
    siblings = {cpu: _siblings(cpu) for cpu in allowed}
    numa = read_numa(here())
    cores = tuple(sorted(allowed, key=lambda cpu: (numa.node_of[cpu], siblings[cpu], cpu)))
    return Machine(
        cores=cores,
        physical_cores=len(set(siblings.values())),
        usable_cores=usable_cores(),
        memory_gib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        gpus=tuple(_gpu(index, one) for index, one in enumerate(stock.gpus) if not one.lost),
        cpu_name=_cpu_name(),
        stock=stock,
        numa=numa,
    )


def _gpu(index: int, facts: GpuFacts) -> Gpu:
    return Gpu(
        index=index,
        name=facts.name,
        memory_gib=facts.memory_gib,
        capability=facts.capability,
        bf16=facts.bf16,
        vendor=facts.vendor,
        uuid=facts.uuid,
        board=facts.board,
        node=completed(facts.attachment, here().sys).node,
        compute_mode=facts.compute_mode,
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


def usable_cores() -> int:
    """Return how many logical CPUs can be busy at once: the mask, or the quota where less."""
    return min(len(os.sched_getaffinity(0)), _quota_cores())


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
