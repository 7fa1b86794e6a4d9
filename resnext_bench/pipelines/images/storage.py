"""Measures how fast files can be read from storage, with and without the page cache.

Cold means that this kernel's page cache holds nothing of the files, which is checked page by page
with mincore: posix_fadvise is only a request, which a memory file system cannot fulfil. What a
disk, a hypervisor or a file server has in its own caches cannot be dropped from here.
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
from typing import Final, NamedTuple

import numpy as np

from resnext_bench.pipelines.images.folder import ImageFolder

SAMPLE_BYTES: Final = 256 << 20
SAMPLE_FILES: Final = 4096
PIECE_BYTES: Final = 8 << 20
"""Bytes of a shard that are read in a row, from front to back."""
LIMIT_S: Final = 10.0
"""Longest time to read, s; by then a slow disk is known to be slow."""
COLD_RESIDENT: Final = 0.01
WARM_RESIDENT: Final = 0.99


class Place(NamedTuple):
    """A file, or a part of one that begins at a page."""

    path: Path
    begin: int = 0
    length: int | None = None
    """Length in bytes; None: the whole file."""

    @property
    def size(self) -> int:
        """The size in bytes."""
        return self.path.stat().st_size if self.length is None else self.length


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One pass over the sample; `read_bytes` is 0 where it would not have been cold or warm.

    `resident` is the part of the sample that lay in the page cache before it.
    """

    resident: float
    read_bytes: int = 0
    read_files: int = 0
    seconds: float = 0.0

    @property
    def bytes_per_s(self) -> float | None:
        """The rate; None where nothing was measured."""
        return self.read_bytes / self.seconds if self.read_bytes and self.seconds else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Storage:
    """What was read, by how many threads, and how fast."""

    files: int
    bytes: int
    threads: int
    cold: Reading
    warm: Reading


def places_to_read(folder: ImageFolder) -> list[Place]:
    """List the places to read: whole files, or shards in pieces."""
    if folder.ranges is None:
        return [Place(folder.root / path) for path in folder.files]
    return [
        Place(folder.root / path, begin, min(PIECE_BYTES, stamp[0] - begin))
        for path, stamp in zip(folder.ranges.paths, folder.ranges.stamps, strict=True)
        for begin in range(0, stamp[0], PIECE_BYTES)
    ]


def measure(places: Sequence[Place], *, threads: int) -> Storage:
    """Read a sample of the places cold, then again warm what there was time for."""
    chosen = sample(places, seed=0)
    for path in dict.fromkeys(place.path for place in chosen):
        drop(path)
    resident = residency(chosen)
    cold, seen = read(chosen, threads=threads, resident=resident)
    if resident > COLD_RESIDENT:
        cold = Reading(resident=resident)
    resident = residency(seen)
    warm = Reading(resident=resident)
    if resident >= WARM_RESIDENT:
        warm, _ = read(seen, threads=threads, resident=resident)
    size = sum(place.size for place in seen)
    return Storage(files=len(seen), bytes=size, threads=threads, cold=cold, warm=warm)


def sample(places: Sequence[Place], *, seed: int) -> list[Place]:
    """Choose places at random, up to a limit in number and bytes, and at least one."""
    chosen: list[Place] = []
    total = 0
    for index in np.random.default_rng([seed, 6]).permutation(len(places))[:SAMPLE_FILES]:
        place = places[int(index)]
        total += place.size
        if chosen and total > SAMPLE_BYTES:
            break
        chosen.append(place)
    return chosen


def drop(path: Path) -> None:
    """Ask the kernel to forget a file's pages; those not yet written must be written first."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


def residency(places: Iterable[Place]) -> float:
    """Return which share of the pages of some places is in the page cache."""
    pages = resident = 0
    for place in places:
        count, inside = _resident_pages(place)
        pages, resident = pages + count, resident + inside
    return resident / pages if pages else 1.0


def _resident_pages(place: Place) -> tuple[int, int]:
    """Return the pages of a place, and how many of them are in memory.

    For other users' files the kernel says that all are: then nothing is called cold.
    """
    size = place.size
    if not size:
        return 0, 0
    pages = -(-size // mmap.PAGESIZE)
    found = (ctypes.c_ubyte * pages)()
    libc = ctypes.CDLL(None, use_errno=True)
    with (
        place.path.open("rb") as file,
        closing(mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ, offset=place.begin)) as view,
    ):
        address = np.frombuffer(view, dtype=np.uint8).ctypes.data
        code = libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(size), found)
    if code:
        return pages, pages
    return pages, sum(page & 1 for page in found)


def read(places: Sequence[Place], *, threads: int, resident: float) -> tuple[Reading, list[Place]]:
    """Read whole places like a loader, with several threads, until the time is over.

    Also return which there was time for.
    """
    start = time.perf_counter()

    def size_of(place: Place) -> int:
        if time.perf_counter() - start > LIMIT_S:
            return -1
        with place.path.open("rb", buffering=0) as file:
            file.seek(place.begin)
            return len(file.read(-1 if place.length is None else place.length))

    with ThreadPoolExecutor(threads) as pool:
        sizes = list(pool.map(size_of, places))
        seconds = time.perf_counter() - start
    seen = {place: size for place, size in zip(places, sizes, strict=True) if size >= 0}
    return (
        Reading(
            resident=resident,
            read_bytes=sum(seen.values()),
            read_files=len(seen),
            seconds=seconds,
        ),
        list(seen),
    )
