"""Blocks of memory: which free belongs to which allocation.

A block is allocated and freed at one address, and allocators use addresses again: at each address
allocations and frees take turns. A free that comes first is of a block that was there before the
recording. Where two allocations follow one another at an address, the free between them was not
recorded; likewise an allocation between two frees.

Old traces have no addresses. There a free is paired with the last allocation of as many bytes that
is still there: at each moment bytes and sizes are right, and which of several blocks of one size
was freed is assumed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.memory.series import Series
from resnext_bench.reports.trace.reading.trace import UNTOLD, Ns

BEFORE = -1
"""In place of an allocation: it was before the recording."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Blocks:
    """Blocks of one device, in the order of their allocations."""

    start: NDArray[np.intp]
    """Place in the series of each one's allocation; BEFORE: before the recording."""
    end: NDArray[np.intp]
    """Place of its free, from which on it is gone; as many as there are rows: never."""
    size: Ns
    """Bytes."""
    address: Ns
    """UNTOLD where it is not recorded."""
    free_told: NDArray[np.bool_]
    """Whether its free is recorded; otherwise it is there to the end, or to where its address is
    given out again."""
    lost: int
    """Allocations and frees that must have been, and are not recorded."""

    def __len__(self) -> int:
        return len(self.size)

    def alive(self, place: int) -> NDArray[np.bool_]:
        """Return which blocks are there after a row of the series."""
        found: NDArray[np.bool_] = (self.start <= place) & (place < self.end)
        return found

    def known(self, count: int) -> Ns:
        """Return how many bytes of blocks are there after each of the series' `count` rows."""
        change = np.zeros(count + 2, dtype=np.int64)
        np.add.at(change, self.start + 1, self.size)
        np.add.at(change, self.end + 1, -self.size)
        return np.cumsum(change)[1:-1]


def blocks(found: Series) -> Blocks:
    """Return the blocks of a device."""
    count = len(found)
    places = np.flatnonzero(found.bytes)
    size = found.bytes[places]
    key, level = _keys(size, found.address[places])
    order = np.lexsort((places, level, key))
    same = np.zeros(len(order) + 1, dtype=bool)
    same[1:-1] = (np.diff(key[order]) == 0) & (np.diff(level[order]) == 0)
    taken = size[order] > 0
    before, after = np.append(False, taken[:-1]), np.append(taken[1:], False)
    follows, followed = same[:-1], same[1:]
    there = ~taken & ~follows  # freed first: it was there before
    at = places[order]
    end = np.where(followed, np.append(at[1:], count), count)
    kept = taken | there
    start = np.where(taken, at, BEFORE)
    end = np.where(taken, end, at)
    lost = (taken & followed & after) | (~taken & follows & ~before)
    freed = there | (taken & followed & ~after)
    chosen = np.flatnonzero(kept)[np.argsort(start[kept], kind="stable")]
    return Blocks(
        start=start[chosen],
        end=end[chosen],
        size=np.abs(size[order])[chosen],
        address=found.address[places][order][chosen],
        free_told=freed[chosen],
        lost=int(lost.sum()),
    )


def _keys(size: Ns, address: Ns) -> tuple[Ns, Ns]:
    """Return what an allocation and its free share: the address, or size and depth of a stack."""
    known = address != UNTOLD
    key = np.where(known, np.abs(address), -np.abs(size))
    level = np.zeros(len(size), dtype=np.int64)
    rest = np.flatnonzero(~known)
    if len(rest):
        rest = rest[np.argsort(key[rest], kind="stable")]
        sign = np.sign(size[rest])
        depth = np.cumsum(sign)
        first = np.append(True, np.diff(key[rest]) != 0)
        begins = np.where(first, depth - sign, 0)[np.flatnonzero(first)][np.cumsum(first) - 1]
        after = depth - begins
        level[rest] = np.where(sign > 0, after, after + 1)
    return key, level
