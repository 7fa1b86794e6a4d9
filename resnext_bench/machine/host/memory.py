"""Memory of this machine: what processes have taken, what is free, and what they can share.

Shared memory is the files of /dev/shm, which containers often keep small.
"""

import errno
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resnext_bench.machine.doctor.findings import here
from resnext_bench.machine.host import cgroup

_PROC: Final = Path("/proc")
FOLDER: Final = Path("/dev/shm")


def free_memory_gib() -> float:
    """Return the memory that new processes may use: the machine's, or a control group's limit."""
    allowed = cgroup.free_memory_gib(here())
    there = available_memory_gib()
    return there if allowed is None else min(there, allowed)


def peak_resident_gib(pids: Iterable[int], proc: Path = _PROC) -> float:
    """Return the peak resident sets of these processes, added up, GiB."""
    return sum(_high_water_gib(proc / str(pid) / "status") for pid in pids)


def available_memory_gib(proc: Path = _PROC) -> float:
    """Return what the kernel would give to new processes without swapping, GiB."""
    for line in (proc / "meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 2**20
    return 0.0


def reset_peak_memory() -> None:
    """Let the kernel count this process's peak resident set from here on, where possible."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_memory_gib() -> float:
    """Return the peak resident set of this process since the last reset, GiB."""
    return _high_water_gib(_PROC / "self" / "status")


def _high_water_gib(status: Path) -> float:
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return 0.0
    found = (int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return next(found, 0) / 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedMemory:
    """The state of shared memory at one moment."""

    total: int | None
    """All bytes; None where there is no limit but that of memory itself."""
    free: int
    """Free bytes; unlimited where there is no limit."""
    problem: str = ""
    """Why nothing can be shared at all; empty where it can."""

    def holds(self, needed: int) -> bool:
        """Return whether this many more bytes fit."""
        return not self.problem and (self.total is None or needed <= self.free)


def shared_memory(folder: Path = FOLDER) -> SharedMemory:
    """Look at the file system, and whether a file can be made there."""
    try:
        found = os.statvfs(folder)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix="resnext-bench-")
        os.close(descriptor)
        Path(name).unlink()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            return SharedMemory(total=0, free=0, problem=_problem(folder, error))
        found = os.statvfs(folder)
    if not found.f_blocks:  # tmpfs with size=0
        return SharedMemory(total=None, free=0)
    return SharedMemory(total=found.f_blocks * found.f_frsize, free=found.f_bavail * found.f_frsize)


def _problem(folder: Path, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"{folder} is missing"
    if error.errno == errno.EROFS:
        return f"{folder} is read-only"
    return f"{folder} cannot be written: {error.strerror}"
