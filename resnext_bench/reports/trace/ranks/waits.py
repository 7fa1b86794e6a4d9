"""How long each rank waits in collectives, and how long data can move at most.

Data can move from when the last rank has arrived to when the first is done: transfer is at most
min(end) - max(start), and the rest of each rank's time is waiting. All times are by one clock.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_ranks import Clock, TalkRow
from resnext_bench.reports.trace.names.collectives import bus_factor, ends_together
from resnext_bench.reports.trace.ranks.clocks import on_one_clock
from resnext_bench.reports.trace.ranks.matching import Matched
from resnext_bench.reports.trace.ranks.rank import Rank
from resnext_bench.reports.trace.time.intervals import Ns
from resnext_bench.resnext.devices import recognised


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Waits:
    """What all matched collectives come to."""

    rows: list[TalkRow]
    waiting_ns: NDArray[np.int64]
    """Of each rank, in all of them."""
    clocks_differ: bool
    """Whether one ends on a rank before another rank has come, by clocks that were corrected."""


def waits(
    ranks: Sequence[Rank], found: Sequence[Matched], told: Sequence[Clock | None], origin: int
) -> Waits:
    """Return them; rows are by kind, group and size."""
    rows: list[TalkRow] = []
    waiting = np.zeros(len(ranks), dtype=np.int64)
    differ = False
    for one in found:
        start, end = on_one_clock(one, told, origin)
        transfer = end.min(axis=0) - start.max(axis=0)
        differ |= ends_together(one.kind) and bool((transfer < 0).any())
        transfer = np.maximum(transfer, 0)
        waiting[list(one.members)] += (end - start - transfer).sum(axis=1)
        rows += _rows(ranks, one, (start, end, transfer))
    rows.sort(key=lambda row: -sum(row.waiting_ns))
    return Waits(rows=rows, waiting_ns=waiting, clocks_differ=differ)


def _rows(ranks: Sequence[Rank], one: Matched, times: tuple[Ns, Ns, Ns]) -> list[TalkRow]:
    alike: dict[tuple[str, int], list[int]] = defaultdict(list)
    for at, (message, size) in enumerate(zip(one.messages, one.bytes.tolist(), strict=True)):
        alike[message.name, size].append(at)
    return [_row(ranks, one, np.array(mine), times) for mine in alike.values()]


def _row(
    ranks: Sequence[Rank], one: Matched, mine: NDArray[np.int64], times: tuple[Ns, Ns, Ns]
) -> TalkRow:
    start, end, transfer = (part[..., mine] for part in times)
    message, size = one.messages[mine[0]], int(one.bytes[mine[0]])
    last = np.bincount(start.argmax(axis=0), minlength=len(one.members))
    bus = _bus(one, size, float(np.median(transfer)))
    on_device = ranks[one.members[0]].device is not None
    return TalkRow(
        kind=one.kind,
        name=message.name,
        group=message.group,
        told=message.told,
        members=list(one.members),
        size=one.size,
        bytes=None if size < 0 else size,
        count=len(mine),
        transfer_ns=int(transfer.sum()),
        waiting_ns=(end - start - transfer).sum(axis=1).tolist(),
        last_to_arrive=last.tolist(),
        bus_gb_per_s=bus if on_device else None,
        link_gb_per_s=_link([ranks[at] for at in one.members]) if bus and on_device else None,
    )


def _bus(one: Matched, size: int, transfer_ns: float) -> float | None:
    """Return 10^9 bytes a second, which are bytes a nanosecond."""
    factor = None if one.size is None else bus_factor(one.kind, one.size)
    return None if factor is None or size <= 0 or not transfer_ns else factor * size / transfer_ns


def _link(members: Sequence[Rank]) -> float | None:
    """Return what links carry by the data sheet, of one kind of device on one host."""
    names, hosts = ({getattr(one, what) for one in members} for what in ("on", "host"))
    numbers = [one.device for one in members]
    # Where no host is known, devices of one number are not on the same one.
    apart = len(hosts) > 1 or (hosts == {""} and len(set(numbers)) < len(numbers))
    device = recognised(members[0].on) if len(names) == 1 and not apart else None
    return device.link_gb_per_s if device else None
