"""What was there when most memory was given out."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from resnext_bench.reports.schema.trace_memory import KINDS, MemoryBlock, MemoryPart, Nameless, Peak
from resnext_bench.reports.trace.memory.device import Known
from resnext_bench.reports.trace.memory.device_types import CPU
from resnext_bench.reports.trace.memory.kinds import taken
from resnext_bench.reports.trace.memory.lives import LIFETIMES
from resnext_bench.reports.trace.reading.trace import UNTOLD, device_of

_Name = tuple[str, Nameless]
"""A part's name, and why it has none."""
_KINDS: Final[tuple[_Name, _Name]] = (("before the recording", ""), ("not recorded", ""))
_LIFETIMES: Final[tuple[_Name, _Name]] = (("before", ""), ("unknown", ""))


def peak(found: Known) -> Peak:
    """Return the peak of a device, with all that was there."""
    place = found.series.peak
    row = int(found.series.row[place])
    unseen = int(found.rest[place]) - found.before
    blocks = sorted(_blocks(found, place), key=lambda one: (-one.bytes, one.name, one.module))
    left = found.before
    if in_total(found):
        blocks += _resident(found)
        blocks.sort(key=lambda one: -one.bytes)
        left -= found.told.resident_bytes
    reserved = found.series.reserved
    told = reserved != UNTOLD
    parts = _Parts(blocks, left, unseen)
    return Peak(
        bytes=int(found.series.total[place]),
        reserved=int(reserved[place]) if told[place] else None,
        reserved_most=int(reserved[told].max()) if told.any() else None,
        at_ns=int(found.series.time[place]),
        step=found.step_of(row),
        pass_=found.pass_of(row),
        operator=found.operator_of(row),
        module=found.module_of(row),
        kinds=parts.by(lambda one: (one.kind, ""), _KINDS),
        lifetimes=parts.by(lambda one: (one.lifetime, ""), _LIFETIMES),
        operators=parts.by(_operator),
        modules=parts.by(_module),
        blocks=blocks,
        before=left + sum(one.bytes for one in blocks if one.lifetime == "before"),
        not_recorded=unseen,
    )


def in_total(found: Known) -> bool:
    """Return whether what was noted and is no block is a part of the total.

    The caching allocators of devices tell all that they have given out. On a CPU the profiler
    counts, from 0 on at the first recording of a process, and so do we where no totals are
    recorded.
    """
    kind, _ = device_of(found.series.device)
    return kind != CPU and found.series.has_totals


def _blocks(found: Known, place: int) -> Iterator[MemoryBlock]:
    lived, now = found.lives, int(found.times[place])
    for at in np.flatnonzero(found.blocks.alive(place)).tolist():
        row = int(lived.row[at])
        is_before = row < 0
        yield MemoryBlock(
            bytes=int(found.blocks.size[at]),
            kind=KINDS[lived_kind(found, at)],
            lifetime=LIFETIMES[int(lived.lifetime[at])],
            name=found.told.name.get(at, ""),
            operator="" if is_before else found.operator_of(row),
            module=_module_of(found.told.name.get(at, "")) if is_before else found.module_of(row),
            step=None if is_before else found.step_of(row),
            pass_="" if is_before else found.pass_of(row),
            since_ns=None if is_before else max(0, now - int(lived.start[at])),
        )


def lived_kind(found: Known, block: int) -> int:
    """Return the kind of a block as an index into KINDS."""
    return int(found.told.kind[block])


def _resident(found: Known) -> Iterator[MemoryBlock]:
    for one in found.told.resident:
        yield MemoryBlock(
            bytes=taken(one),
            kind=one.kind,
            lifetime="before",
            name=one.name,
            operator="",
            module=_module_of(one.name),
            step=None,
            pass_="",
            since_ns=None,
        )


def _module_of(name: str) -> str:
    """Return the module of a parameter, or of its gradient or state: `layer1.0.conv1.weight`."""
    return name.partition(":")[0].rpartition(".")[0]


def _operator(one: MemoryBlock) -> _Name:
    if one.operator:
        return one.operator, ""
    return "", "before" if one.lifetime == "before" else "operator"


def _module(one: MemoryBlock) -> _Name:
    if one.module:
        return one.module, ""
    return "", "before" if one.lifetime == "before" else one.pass_ or "module"


class _Parts:
    """Sums of blocks that have something in common, and of what no block is known of."""

    def __init__(self, blocks: Sequence[MemoryBlock], before: int, unseen: int) -> None:
        self._blocks = blocks
        self._rest = (before, unseen)

    def by(
        self,
        name: Callable[[MemoryBlock], _Name],
        rest: tuple[_Name, _Name] = (("", "before"), ("", "unseen")),
    ) -> list[MemoryPart]:
        """Return them by a name, most first; `rest`: names of what was before, and not recorded."""
        sizes, counts = Counter[_Name](), Counter[_Name]()
        for one in self._blocks:
            sizes[name(one)] += one.bytes
            counts[name(one)] += 1
        for other, size in zip(rest, self._rest, strict=True):
            if size:
                sizes[other] += size
        return [
            MemoryPart(name=one[0], bytes=size, blocks=counts[one], nameless=one[1])
            for one, size in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0]))
        ]
