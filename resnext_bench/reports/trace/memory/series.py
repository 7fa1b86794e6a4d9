"""How many bytes each device's allocator had given out after each allocation and each free.

The profiler records the allocator's own total with each row. Where it does (since PyTorch 1.10),
that is what is believed, and rows only explain it; in older traces totals are added up of the rows,
and count from when the recording began.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import UNTOLD, Ids, Memory, Ns

_WITHIN: Final = 16
"""Rows within which one that threads have written too early is looked for."""
_MANY: Final = 0.1
"""Share of rows that do not follow from the one before from which on their order is not the
reason."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """Allocations and frees of one device, in the order of the allocator's totals."""

    device: int
    """`device_key`."""
    row: Ids
    """Row of the trace's memory."""
    time: Ns
    bytes: Ns
    address: Ns
    """UNTOLD where it is not recorded."""
    total: Ns
    """Bytes that were given out after each row: recorded, or added up."""
    reserved: Ns
    """Bytes that the allocator held then; UNTOLD where it is not recorded."""
    has_totals: bool
    """Whether totals are recorded; otherwise they count from when the recording began."""
    moved: int
    """Rows that were put into another place, so that each total follows from the one before."""
    negative: int
    """Rows whose recorded total is below 0, which is not believed."""

    def __len__(self) -> int:
        return len(self.time)

    @property
    def has_addresses(self) -> bool:
        """Whether any block has an address."""
        return bool((self.address != UNTOLD).any())

    @property
    def before(self) -> int:
        """Bytes that were given out before the first row; 0 where totals are not recorded."""
        return int(self.total[0] - self.bytes[0])

    @property
    def peak(self) -> int:
        """Return the row after which most bytes are given out, the first of them."""
        return int(self.total.argmax())


def series(memory: Memory) -> list[Series]:
    """Return one for each device, the one with the highest total first."""
    devices = np.unique(memory.device).tolist()
    found = [_series(memory, device) for device in devices]
    return sorted(found, key=lambda one: -int(one.total.max()))


def _series(memory: Memory, device: int) -> Series:
    row = np.flatnonzero(memory.device == device).astype(np.int32)
    told = memory.total[row]
    negative = int(((told < 0) & (told != UNTOLD)).sum())
    told = np.where(told < 0, UNTOLD, told)
    order, moved = _in_chain(memory.bytes[row], told)
    row, told = row[order], told[order]
    size, reserved = memory.bytes[row], memory.reserved[row]
    return Series(
        device=device,
        row=row,
        time=memory.time[row],
        bytes=size,
        address=memory.address[row],
        total=_totals(size, told),
        reserved=np.where(reserved > 0, reserved, UNTOLD),
        has_totals=bool((told != UNTOLD).any()),
        moved=moved,
        negative=negative,
    )


def _totals(size: Ns, told: Ns) -> Ns:
    """Return the totals that are recorded, others by the last that is, or by the first one."""
    sums = np.cumsum(size)
    known = np.flatnonzero(told != UNTOLD)
    if not len(known):  # no block can have been freed before it was there
        return sums - min(0, int(sums.min(initial=0)))
    last = np.searchsorted(known, np.arange(len(size)), side="right") - 1
    at = known[np.maximum(last, 0)]
    return told[at] + sums - sums[at]


def _in_chain(size: Ns, told: Ns) -> tuple[NDArray[np.intp], int]:
    """Return the order in which each total follows from the one before, and how many were moved.

    Threads take the total and the time one after the other: of two that allocate at once, the
    second may be written first. Rows that are missing break the chain, too; they stay missing.
    """
    order = np.arange(len(size))
    if (told == UNTOLD).any():
        return order, 0
    broken = np.flatnonzero(told[1:] - size[1:] != told[:-1]) + 1
    if not len(broken) or len(broken) > max(_WITHIN, _MANY * len(size)):
        return order, 0
    moved = 0
    for at in broken.tolist():
        near = order[at : at + _WITHIN]
        fits = np.flatnonzero(told[near] - size[near] == told[order[at - 1]])
        if len(fits) and (first := int(fits[0])):
            around = slice(at - 1, at + first + 2)
            other = order[around].copy()
            other[1 : first + 2] = np.roll(other[1 : first + 2], 1)
            if _broken(size, told, other) < _broken(size, told, order[around]):
                order[around] = other
                moved += 1
    return order, moved


def _broken(size: Ns, told: Ns, order: NDArray[np.intp]) -> int:
    """Return how many totals do not follow from the one before."""
    follows = told[order[1:]] - size[order[1:]] == told[order[:-1]]
    return int((~follows).sum())
