"""Shards in memory as the kernel maps them: nothing is read until a decoder looks at it."""

import mmap
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipelines.epochs import Sample
from pipelines.errors import DataError
from pipelines.ranges import Ranges
from pipelines.verdicts import Stamp, stamp

MOST_OPEN: Final = 48
"""Shards mapped at once: more than two pieces of an epoch have runs. Each takes a file descriptor,
and what was read of it counts as memory of the process for as long."""


class ShardChanged(DataError):
    """A shard is not the one that was checked: nothing that is known of its samples holds."""


class Mapped:
    """The shards of a set; what is given out stays valid when its shard is let go."""

    def __init__(self, root: str, ranges: Ranges) -> None:
        self._root, self._ranges = Path(root), ranges
        self._shard = lru_cache(maxsize=MOST_OPEN)(self._map)
        for path, before in zip(ranges.paths, ranges.stamps, strict=True):
            _require_same(self._root / path, before)

    def bytes_of(self, index: int) -> NDArray[np.uint8]:
        """A view of a sample's bytes."""
        begin, length = self._ranges.part(index)
        shard = self._shard(self._ranges.shard[index])
        return np.frombuffer(shard, np.uint8, length, begin)

    def will_need(self, order: Iterable[Sample]) -> None:
        """Let the kernel begin to read what is told to come; about 10 us a sample.

        A shard that has changed is an error when its bytes are asked for.
        """
        for sample in order:
            if sample.soon >= 0:
                with suppress(ShardChanged):
                    self._advise(sample.soon)

    def _advise(self, index: int) -> None:
        begin, length = self._ranges.part(index)
        before = begin % mmap.PAGESIZE
        shard = self._shard(self._ranges.shard[index])
        shard.madvise(mmap.MADV_WILLNEED, begin - before, length + before)

    def _map(self, number: int) -> mmap.mmap:
        path = self._root / self._ranges.paths[number]
        _require_same(path, self._ranges.stamps[number])
        try:
            with path.open("rb") as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise ShardChanged(f"cannot read {path}: {error.strerror or error}") from error


def _require_same(path: Path, before: Stamp) -> None:
    if (now := stamp(path)) == before:
        return
    what = "its time of change differs"
    if now[0] != before[0]:
        what = f"it had {before[0]} bytes, now {now[0]}" if now[0] >= 0 else "it is gone"
    raise ShardChanged(
        f"{path} has changed since it was checked ({what}); start again when nobody writes to it"
    )
