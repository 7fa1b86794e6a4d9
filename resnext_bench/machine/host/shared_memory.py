"""How much shared memory there is: the files of /dev/shm, which containers often keep small."""

import errno
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path("/dev/shm")


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedMemory:
    """What processes can share through memory at a moment."""

    total: int | None
    """Bytes; None where there is no limit but that of memory itself."""
    free: int
    """Bytes; whatever is asked for where there is no limit."""
    problem: str = ""
    """Why nothing can be shared at all; empty where it can."""

    def holds(self, needed: int) -> bool:
        """Whether so many bytes more find room."""
        return not self.problem and (self.total is None or needed <= self.free)


def shared_memory(folder: Path = FOLDER) -> SharedMemory:
    """Ask the file system, and whether a file can be made there."""
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
