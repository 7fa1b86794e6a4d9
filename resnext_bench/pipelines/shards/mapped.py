"""Maps shards into memory: nothing is read until a decoder looks at it."""

import ctypes
import errno
import mmap
import os
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from resnext_bench.pipelines.epochs import PIECE, RUN, Sample
from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.file_verdicts import Stamp, stamp
from resnext_bench.pipelines.shards.ranges import Ranges

PIECES_OPEN: Final = 3
"""Pieces of an epoch whose shards stay mapped: one is used and the next is read; where shards are
small, some pieces happen to get more of them.
"""
_NONE_LEFT: Final = (errno.EMFILE, errno.ENFILE)

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_int64)
_LIBC.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_LIBC.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_FAILED: Final = ctypes.c_void_p(-1).value


class ShardChanged(DataError):
    """A shard is not the one that was checked, so what is known of its samples is outdated."""


class ShardUnreadable(ShardChanged):
    """A shard cannot be opened, whether or not it has changed, which ends the run."""


class FileMemory:
    """A mapped file, for as long as this object or a view of it exists.

    Python's own mapping also keeps a descriptor (until 3.13), and a set of small shards has more
    files than a process may have descriptors.
    """

    def __init__(self, descriptor: int, length: int) -> None:
        self._address, self._length = 0, length  # where it fails, nothing is given back
        address = _LIBC.mmap(None, length, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
        if address == _FAILED:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self._address = address

    def __del__(self) -> None:
        """Unmap the file."""
        if self._address:
            _LIBC.munmap(self._address, self._length)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """The interface through which numpy sees it, and keeps it alive."""
        data = (self._address, True)  # read-only
        return {"version": 3, "typestr": "|u1", "shape": (self._length,), "data": data}

    def view(self, begin: int, length: int) -> NDArray[np.uint8]:
        """Return a part of it, without a copy."""
        return np.asarray(self)[begin : begin + length]

    def will_need(self, begin: int, length: int) -> None:
        """Let the kernel start reading a part of it."""
        before = begin % mmap.PAGESIZE
        _LIBC.madvise(self._address + begin - before, length + before, mmap.MADV_WILLNEED)


class Mapped:
    """The mapped shards of a set; views stay valid when their shard is released."""

    def __init__(self, root: str, ranges: Ranges) -> None:
        self._root, self._ranges = Path(root), ranges
        self._shard = lru_cache(maxsize=most_open(ranges))(self._map)
        self._live: WeakValueDictionary[int, FileMemory] = WeakValueDictionary()
        """All that is mapped, including released shards of which views exist."""
        for path, before in zip(ranges.paths, ranges.stamps, strict=True):
            _require_same(self._root / path, before)

    def bytes_of(self, index: int) -> NDArray[np.uint8]:
        """Return a view of a sample's bytes."""
        return self._shard(self._ranges.shard[index]).view(*self._ranges.part(index))

    def will_need(self, order: Iterable[Sample]) -> None:
        """Let the kernel start reading a sample that will be needed; takes about 10 us.

        A shard that has changed is an error only when its bytes are needed.
        """
        for sample in order:
            if sample.soon >= 0:
                with suppress(ShardChanged):
                    shard = self._shard(self._ranges.shard[sample.soon])
                    shard.will_need(*self._ranges.part(sample.soon))

    def _map(self, number: int) -> FileMemory:
        """Map a shard, unless it is mapped still; it is checked each time."""
        path, before = self._root / self._ranges.paths[number], self._ranges.stamps[number]
        _require_same(path, before)
        memory = self._live.get(number)
        if memory is None:
            memory = self._live[number] = _opened(path, before)
        return memory


def most_open(ranges: Ranges) -> int:
    """Return how many shards to keep mapped: those of a few pieces of an epoch.

    What was read of a shard counts as memory of the process for as long; with fewer, shards would
    be opened and closed for nearly every sample.
    """
    counts = [count for count in ranges.counts() if count]
    runs = sum(-(-count // RUN) for count in counts)
    return -(-PIECES_OPEN * PIECE * runs // max(1, sum(counts)))


def _opened(path: Path, before: Stamp) -> FileMemory:
    try:
        with path.open("rb") as file:
            return FileMemory(file.fileno(), before[0])
    except OSError as error:
        if error.errno in _NONE_LEFT:
            raise ShardUnreadable(
                f"cannot open {path}: no file descriptor is left; raise the limit (ulimit -n)"
            ) from error
        raise ShardUnreadable(f"cannot read {path}: {error.strerror or error}") from error


def _require_same(path: Path, before: Stamp) -> None:
    if (now := stamp(path)) == before:
        return
    what = "its time of change differs"
    if now[0] != before[0]:
        what = f"it had {before[0]} bytes, now {now[0]}" if now[0] >= 0 else "it is gone"
    raise ShardChanged(
        f"{path} has changed since it was checked ({what}); start again when it is no longer "
        "written to"
    )
