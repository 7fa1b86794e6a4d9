"""Whom ranks wait for, where collectives are mostly waiting."""

from collections.abc import Iterator
from typing import Final

from resnext_bench.reports.render.kernel_names import distinct
from resnext_bench.reports.render.model import Line
from resnext_bench.reports.schema.trace import CollectiveRow, RanksReport

_ALMOST_ALL: Final = 0.9
_OFTEN: Final = 0.5


def waits(found: RanksReport) -> Iterator[Line]:
    """Yield a line for each kind of collectives that is almost all waiting."""
    names = distinct([row.name for row in found.collectives])
    for row, name in zip(found.collectives, names, strict=True):
        waiting = sum(row.waiting_ns)
        whole = waiting + row.transfer_ns * len(row.waiting_ns)
        # Without any transfer clocks differ, and who was last is not known.
        if row.transfer_ns and waiting >= _ALMOST_ALL * whole:
            yield Line(text=f"{name} is almost all waiting: {_last(found, row)}")


def _last(found: RanksReport, row: CollectiveRow) -> str:
    last = max(range(len(found.ranks)), key=lambda at: row.last_to_arrive[at])
    times = row.last_to_arrive[last]
    if times <= _OFTEN * row.count:
        return "no rank was the last to arrive in more than half of them"
    return f"rank {found.ranks[last].rank} was the last to arrive in {times} of {row.count}"
