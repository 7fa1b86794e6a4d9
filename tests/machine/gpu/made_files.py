"""The kernel's files of a scripted machine: its CPUs, NUMA nodes and boards."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resnext_bench.machine import inventory
from resnext_bench.machine.host import sources
from tests.machine.gpu.scripted_nvml import bus_of, node_of

if TYPE_CHECKING:
    from tests.machine.gpu.scripted import ScriptedMachine

VENDOR, DISPLAY = "0x10de", "0x030200"
"""NVIDIA's number on the bus, and the class of a board that computes without a screen."""
SPEEDS = {1: "2.5", 2: "5.0", 3: "8.0", 4: "16.0", 5: "32.0", 6: "64.0"}
"""GT/s of PCIe's generations."""
KERNEL = ("/sys", "/proc", "/dev")


def write(machine: "ScriptedMachine", root: Path) -> None:
    """Write the files of /sys, /proc and /dev that say something of CPUs and boards."""
    for name, text in _texts(machine):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def put_in_place(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Let the program read these files in the place of the kernel's own."""

    def made(path: str | Path) -> Path:
        text = str(path)
        return root / text.lstrip("/") if text.startswith(KERNEL) else Path(path)

    for module in (sources, inventory):
        if hasattr(module, "Path"):
            monkeypatch.setattr(module, "Path", made)


def _texts(machine: "ScriptedMachine") -> Iterator[tuple[str, str]]:
    yield "dev/shm/.made", ""
    yield "proc/self/cgroup", "0::/\n"
    yield "proc/cpuinfo", "processor\t: 0\nmodel name\t: Scripted CPU\nflags\t\t: fpu avx2\n"
    yield "proc/meminfo", "MemTotal: 1056964608 kB\nMemAvailable: 1000000000 kB\n"
    yield "sys/fs/cgroup/cgroup.controllers", "cpu memory\n"
    yield "sys/devices/system/cpu/online", f"0-{machine.cores - 1}\n"
    yield from _cpus(machine)
    yield from _boards(machine)
    yield from _amd(machine)


def _cpus(machine: "ScriptedMachine") -> Iterator[tuple[str, str]]:
    half = machine.cores // 2
    members: dict[int, list[int]] = {node: [] for node in range(machine.numa_nodes)}
    for cpu in range(machine.cores):
        node = node_of(machine, cpu)
        members[node].append(cpu)
        pair = f"{cpu % half},{cpu % half + half}" if machine.siblings else str(cpu)
        folder = f"sys/devices/system/cpu/cpu{cpu}"
        yield f"{folder}/topology/thread_siblings_list", f"{pair}\n"
        yield f"{folder}/node{node}/.made", ""
    for node, cpus in members.items():
        yield f"sys/devices/system/node/node{node}/cpulist", f"{sources.cpu_list(cpus)}\n"


def _amd(machine: "ScriptedMachine") -> Iterator[tuple[str, str]]:
    if machine.amd:
        yield "dev/kfd", ""
    for board in machine.amd:
        folder = f"sys/bus/pci/devices/{board.bus}"
        yield f"{folder}/vendor", "0x1002\n"
        yield f"{folder}/class", "0x120000\n"
        yield f"{folder}/numa_node", f"{board.node}\n"


def _boards(machine: "ScriptedMachine") -> Iterator[tuple[str, str]]:
    if not machine.boards:
        return
    if machine.nodes_made:
        yield "proc/driver/nvidia/version", f"NVRM version: {machine.driver}\n"
        yield "dev/nvidiactl", ""
    for index, board in enumerate(machine.boards):
        bus = bus_of(machine, index)
        folder = f"sys/bus/pci/devices/{bus}"
        node = -1 if board.node is None else board.node
        cpus = [cpu for cpu in range(machine.cores) if node_of(machine, cpu) == node]
        yield f"{folder}/vendor", f"{VENDOR}\n"
        yield f"{folder}/class", f"{DISPLAY}\n"
        yield f"{folder}/numa_node", f"{node}\n"
        yield f"{folder}/local_cpulist", f"{sources.cpu_list(cpus)}\n"
        for when, (generation, width) in (("current", board.pcie), ("max", board.pcie_most)):
            yield f"{folder}/{when}_link_speed", f"{SPEEDS[generation]} GT/s PCIe\n"
            yield f"{folder}/{when}_link_width", f"{width}\n"
        if machine.nodes_made and not board.denied:
            yield f"dev/nvidia{index}", ""
            yield f"proc/driver/nvidia/gpus/{bus}/information", f"Model: {board.name}\n"
