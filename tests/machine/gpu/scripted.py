"""A GPU machine written down: what NVML, the kernel's files and torch would say of it.

`scripted(machine, monkeypatch, root)` puts its answers where the program asks: in the place of the
module pynvml, of the files in /sys, /proc and /dev (made below `root`), of the affinity mask and of
torch's list of devices. Only tests can do that; outside pytest, `pytest.MonkeyPatch.context()`
gives a monkeypatch. What is written down of known boards is in `ready`.

Answers are in NVML's units. A board's `answers` replace those that a quiet board of its kind gives,
by function, "nvmlDeviceGetEccMode", or by function and arguments, "nvmlDeviceGetClockInfo(1)".
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.machine.gpu import torch_devices
from resnext_bench.machine.gpu.facts import GpuFacts
from tests.machine.gpu import made_files
from tests.machine.gpu.scripted_amd import AmdBoard, ScriptedAmd
from tests.machine.gpu.scripted_nvml import ScriptedNvml

NOT_SUPPORTED, NO_PERMISSION, NOT_FOUND, NOT_LOADED, NO_LIBRARY = 3, 4, 6, 9, 12
NO_FUNCTION, LOST, RESET_REQUIRED, MISMATCH, UNKNOWN = 13, 15, 16, 18, 999
"""Errors of NVML, by number."""


@dataclass(frozen=True)
class Refused:
    """An answer that is an error."""

    code: int = NOT_SUPPORTED


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A MIG device: a compute instance of a GPU instance."""

    uuid: str
    profile: str = "1g.5gb"
    memory_gib: float = 4.75
    gpu_instance: int = 7
    answers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Board:
    """A GPU as it stands in the machine."""

    name: str = "NVIDIA H100 80GB HBM3"
    uuid: str = ""
    """Made of its index where it is empty."""
    memory_gib: float | None = 79.65
    """None: the driver does not report it."""
    capability: tuple[int, int] = (9, 0)
    bus: str = ""
    """Its address as the kernel writes it, "0000:1b:00.0"; made of its index where it is empty."""
    node: int | None = 0
    """NUMA node; None where neither NVML nor the kernel knows one."""
    mig: bool | None = False
    """Whether it is in MIG mode; None: it has no such mode."""
    slices: tuple[Slice, ...] = ()
    """Its MIG devices that this program may see."""
    nvlinks: int = 0
    """Links to a switch, or else to the board `peer`."""
    peer: int | None = None
    pcie: tuple[int, int] = (5, 16)
    """Generation and width of its slot's link now, and at most."""
    pcie_most: tuple[int, int] = (5, 16)
    lost: int = 0
    """The error that every question about it gets, LOST or RESET_REQUIRED; 0: it is there."""
    denied: bool = False
    """Whether this program may not open it at all: NVML counts it, and refuses its handle."""
    answers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ScriptedMachine:
    """A host with its boards, as one program sees it."""

    boards: tuple[Board, ...]
    driver: str = "580.95.05"
    cuda: int = 13000
    """The newest CUDA that the driver supports: 13000 is 13.0."""
    start: int = 0
    """The error of nvmlInit; 0: it starts."""
    library: bool = True
    """Whether nvidia-ml-py is installed."""
    nodes_made: bool = True
    """Whether /dev has the boards' nodes and /proc the driver's folder."""
    cores: int = 64
    """Logical CPUs, all of which the program may use."""
    siblings: bool = True
    """Whether CPU n and CPU n + cores/2 are one physical core."""
    numa_nodes: int = 1
    """Nodes with equal shares of the physical cores, in their order."""
    torch: tuple[tuple[str, float, tuple[int, int] | None], ...] | str = ()
    """Name, GiB and capability of the devices that torch would list, or why it cannot."""
    amd: tuple[AmdBoard, ...] = ()
    """GPUs of AMD's, for which AMD SMI answers."""

    def with_boards(self, *boards: Board) -> "ScriptedMachine":
        """Return the same host with other boards."""
        return replace(self, boards=boards)


def scripted(machine: ScriptedMachine, monkeypatch: pytest.MonkeyPatch, root: Path) -> ScriptedNvml:
    """Put a machine in the place of this one; its files are written below `root`.

    The library that is returned can be told to answer otherwise from now on: set its `machine`.
    """
    library = ScriptedNvml(machine)
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", library if machine.library else None)
    amd = ScriptedAmd(machine.amd) if machine.amd else None
    monkeypatch.setitem(sys.modules, "amdsmi", amd)
    made_files.write(machine, root)
    made_files.put_in_place(monkeypatch, root)
    cpus = set(range(machine.cores))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: cpus)
    _answer_for_torch(machine, monkeypatch)
    return library


def _answer_for_torch(machine: ScriptedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    told = machine.torch
    answer: torch_devices.Answer = told if isinstance(told, str) else tuple(map(_facts, told))
    monkeypatch.setattr(torch_devices, "ask_torch", lambda: answer or "torch lists no GPU")


def _facts(device: tuple[str, float, tuple[int, int] | None]) -> GpuFacts:
    name, gib, capability = device
    bf16 = None if capability else True
    return GpuFacts(name=name, memory_gib=gib, capability=capability, bf16=bf16)
