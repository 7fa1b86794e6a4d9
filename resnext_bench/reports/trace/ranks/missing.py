"""Which ranks of the world have no trace here, or several."""

from collections.abc import Iterator, Sequence
from typing import Final

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_warnings import warning

Place = tuple[int | None, int | None]
"""Of a trace its rank, and of how many ranks it says that there are; None: not told."""
_MOST: Final = 100_000


def missing(places: Sequence[Place]) -> list[int]:
    """Return ranks without a trace; where a trace does not tell its rank, nobody knows."""
    found = {rank for rank, _ in places}
    world = 0 if None in found else max((world for _, world in places if world), default=0)
    return [rank for rank in range(min(world, _MOST)) if rank not in found]


def not_whole(places: Sequence[Place]) -> Iterator[Note]:
    """Yield what is missing, not told, or there twice, where all ranks should be here."""
    if absent := missing(places):
        world = max(world or 0 for _, world in places)
        yield warning("ranks_missing", ranks=tuple(absent), world=world)
    known = [rank for rank, _ in places if rank is not None]
    if (unknown := len(places) - len(known)) > 0 and len(places) > 1:
        yield warning("ranks_unknown", count=unknown)
    if twice := sorted({rank for rank in known if known.count(rank) > 1}):
        yield warning("ranks_twice", ranks=tuple(twice))
