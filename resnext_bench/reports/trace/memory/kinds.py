"""What blocks are for as the rank itself noted: an address, and a moment at which it held what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_memory import KINDS
from resnext_bench.reports.trace.memory.blocks import Blocks
from resnext_bench.reports.trace.memory.device_types import CPU
from resnext_bench.reports.trace.memory.lives import Lives
from resnext_bench.reports.trace.memory.noted import Noted, Storage
from resnext_bench.reports.trace.reading.trace import Host, Kind, Ns, Trace, device_key

_ROUNDED: Final = 512
"""Bytes to which the caching allocators of devices round every block."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Told:
    """What is known of a device's memory by notes."""

    kind: NDArray[np.int8]
    """Index into KINDS of each block, those without a note by how they lived."""
    name: dict[int, str]
    """Names of blocks that were noted."""
    resident: tuple[Storage, ...]
    """What no block is: allocated before the recording, and there all the time; each once."""

    @property
    def resident_bytes(self) -> int:
        """Return the bytes of what was there all the time, as the allocator counts them."""
        return sum(map(taken, self.resident))


def taken(one: Storage) -> int:
    """Return the bytes that a storage takes in the allocator's total, at least."""
    if one.device_type == CPU:
        return one.bytes
    return -(-one.bytes // _ROUNDED) * _ROUNDED


def told(trace: Trace, notes: Noted | None, device: int, made: Blocks, lived: Lives) -> Told:
    """Return what is known of the blocks of a device."""
    kind, name = lived.kind.copy(), dict[int, str]()
    resident: dict[int, Storage] = {}
    moments = _moments(trace) if notes else {}
    find = _Finder(made, lived)
    for one, moment in _of_device(notes, device, moments):
        block = find(one.address, moment)
        if block is None:
            resident.setdefault(one.address, one)
        elif block not in name:
            kind[block] = KINDS.index(one.kind)
            name[block] = one.name
    return Told(kind=kind, name=name, resident=tuple(resident.values()))


def _of_device(
    notes: Noted | None, device: int, moments: Mapping[str, Ns]
) -> Iterator[tuple[Storage, int]]:
    """Yield the notes of a device with their moments; those whose moment is not there are left."""
    for one in notes.storages if notes else ():
        when: Sequence[int] | Ns = moments.get(one.moment, ())
        if device_key(one.device_type, one.device) == device and 0 <= one.step < len(when):
            yield one, int(when[one.step])


def _moments(trace: Trace) -> Mapping[str, Ns]:
    """Return when each part of each step begins, by the names of the parts."""
    return {part: _starts(trace.host, trace.names, f"## {part} ##") for part in _PARTS}


_PARTS: Final = ("backward", "optimizer")


def _starts(host: Host, names: Sequence[str], name: str) -> Ns:
    if name not in names:
        return np.empty(0, np.int64)
    which = (host.name == names.index(name)) & (host.kind != Kind.LAUNCH)
    return np.sort(host.start[which])


class _Finder:
    """Finds the block that holds an address at a moment."""

    def __init__(self, made: Blocks, lived: Lives) -> None:
        self._order = np.lexsort((lived.start, made.address))
        self._address = made.address[self._order]
        self._start, self._end = lived.start[self._order], lived.end[self._order]

    def __call__(self, address: int, moment: int) -> int | None:
        """Return its number; None: no block of the recording does."""
        low, high = (
            int(np.searchsorted(self._address, address, side))  # type: ignore[call-overload]
            for side in _SIDES
        )
        at = low + int(np.searchsorted(self._start[low:high], moment, side="right")) - 1
        if at < low or self._end[at] <= moment:
            return None
        return int(self._order[at])


_SIDES: Final[tuple[str, str]] = ("left", "right")
