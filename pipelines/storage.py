"""How fast files come off their storage: read with all cores, with and without the page cache.

Cold means that this kernel's page cache holds nothing of the files, which is asked page by page
with mincore: posix_fadvise is only a wish, and a memory file system cannot grant it. What a disk,
a hypervisor or a file server keeps in caches of its own cannot be emptied from here.
"""

import ctypes
import mmap
import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

SAMPLE_BYTES: Final = 256 << 20
SAMPLE_FILES: Final = 4096
LIMIT_S: Final = 10.0
"""A slow disk is known after so long."""
COLD_RESIDENT: Final = 0.01
WARM_RESIDENT: Final = 0.99


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One pass over the sample; `read_bytes` is 0 where it would not have been what it is called.

    `resident` is the part of the sample that lay in the page cache before it.
    """

    resident: float
    read_bytes: int = 0
    read_files: int = 0
    seconds: float = 0.0

    @property
    def bytes_per_s(self) -> float | None:
        """None where nothing was measured."""
        return self.read_bytes / self.seconds if self.read_bytes and self.seconds else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Storage:
    """What was read, by how many threads, and how fast."""

    files: int
    bytes: int
    threads: int
    cold: Reading
    warm: Reading


def measure(root: Path, files: Sequence[str], *, threads: int, seed: int = 0) -> Storage:
    """Read a sample of the files cold, then the same files warm."""
    chosen = sample(root, files, seed=seed)
    for path in chosen:
        drop(path)
    resident = residency(chosen)
    cold = Reading(resident=resident)
    if resident <= COLD_RESIDENT:
        cold = read(chosen, threads=threads, resident=resident)
    read(chosen, threads=threads, resident=0)  # what the first pass had no time for
    resident = residency(chosen)
    warm = Reading(resident=resident)
    if resident >= WARM_RESIDENT:
        warm = read(chosen, threads=threads, resident=resident)
    size = sum(path.stat().st_size for path in chosen)
    return Storage(files=len(chosen), bytes=size, threads=threads, cold=cold, warm=warm)


def sample(root: Path, files: Sequence[str], *, seed: int) -> list[Path]:
    """Files at random, up to a limit in number and in bytes, and at least one."""
    chosen: list[Path] = []
    total = 0
    for index in np.random.default_rng([seed, 6]).permutation(len(files))[:SAMPLE_FILES]:
        path = root / files[int(index)]
        total += path.stat().st_size
        if chosen and total > SAMPLE_BYTES:
            break
        chosen.append(path)
    return chosen


def drop(path: Path) -> None:
    """Ask the kernel to forget a file's pages; those not yet written must be written first."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def residency(paths: Iterable[Path]) -> float:
    """Which part of the pages of some files lies in the page cache."""
    pages = resident = 0
    for path in paths:
        count, inside = _resident_pages(path)
        pages, resident = pages + count, resident + inside
    return resident / pages if pages else 1.0


def _resident_pages(path: Path) -> tuple[int, int]:
    """Pages of a file, and how many of them are in memory.

    Of files of others the kernel says that all of them are: then nothing is called cold.
    """
    size = path.stat().st_size
    if not size:
        return 0, 0
    pages = -(-size // mmap.PAGESIZE)
    found = (ctypes.c_ubyte * pages)()
    libc = ctypes.CDLL(None, use_errno=True)
    with path.open("rb") as file, closing(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)) as view:
        address = np.frombuffer(view, dtype=np.uint8).ctypes.data
        code = libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(size), found)
    if code:
        return pages, pages
    return pages, sum(page & 1 for page in found)


def read(paths: Sequence[Path], *, threads: int, resident: float) -> Reading:
    """Read whole files, as a loader does, with several threads until the time is over."""
    start = time.perf_counter()

    def size_of(path: Path) -> int:
        if time.perf_counter() - start > LIMIT_S:
            return -1
        with path.open("rb", buffering=0) as file:
            return len(file.read())

    with ThreadPoolExecutor(threads) as pool:
        sizes = [size for size in pool.map(size_of, paths) if size >= 0]
        seconds = time.perf_counter() - start
    return Reading(resident=resident, read_bytes=sum(sizes), read_files=len(sizes), seconds=seconds)
