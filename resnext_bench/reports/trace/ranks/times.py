"""What several ranks say together: here stragglers, clocks and collectives meet."""

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Final

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_ranks import (
    PARTS,
    Clock,
    RankRow,
    RanksTimes,
    TraceDoubts,
)
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.stats.stragglers import Skews
from resnext_bench.reports.trace.ranks.alignment import aligned
from resnext_bench.reports.trace.ranks.clocks import clocks
from resnext_bench.reports.trace.ranks.matching import matched
from resnext_bench.reports.trace.ranks.missing import missing, not_whole
from resnext_bench.reports.trace.ranks.rank import Rank
from resnext_bench.reports.trace.ranks.stragglers import (
    Table,
    skews_of,
    step_rows,
    stragglers,
    table_of,
    together,
)
from resnext_bench.reports.trace.ranks.waits import waits
from resnext_bench.wording import readable

_APART_NS: Final = 10**9
"""Clocks of a cluster's hosts differ by milliseconds: from the end of one rank's trace to the
beginning of another there is less than that, if they were recorded together."""
_HOPELESS_LOG: Final = 3.0
"""A scatter of a factor of 20: so few steps name no rank."""


def times(ranks: Sequence[Rank]) -> RanksTimes:
    """Return what the ranks of one recording say together, in the order of their numbers.

    Raises TraceError where they cannot be compared: fewer than two with work of their device, no
    step in common, or recorded at different times.
    """
    every = sorted(ranks, key=lambda one: (_number(one), str(one.recording.file.path)))
    with_work = _with_work(every)
    if len(with_work) < 2:
        raise TraceError(_too_few(every, with_work))
    known, moved = aligned(with_work)
    steps = reduce(np.intersect1d, [one.steps for one in known])
    if not len(steps):
        raise TraceError(f"ranks have no step in common: {', '.join(map(_steps_told, known[:4]))}")
    _require_together(known)
    places = [(one.number, one.recording.world) for one in every]
    silent = tuple(_number(one) for one in every if one not in with_work)
    facts = [*not_whole(places), *([warning("ranks_without_work", ranks=silent)] if silent else [])]
    facts += _moved(known, moved)
    found = _compared(known, steps, facts, missing(places))
    return replace(found, traces=list(_doubts(every)))


def _with_work(ranks: Sequence[Rank]) -> list[Rank]:
    """Return those that can be compared: operators of a CPU are no kernels of a device."""
    on_device = any(one.device is not None for one in ranks)
    return [one for one in ranks if not one.is_alone and (one.device is not None) == on_device]


def _doubts(ranks: Sequence[Rank]) -> Iterator[TraceDoubts]:
    """Yield what to doubt of each trace by itself."""
    for one in ranks:
        if one.facts:
            file = readable(one.recording.file.path)
            yield TraceDoubts(rank=one.number, file=file, facts=list(one.facts))


def _moved(ranks: Sequence[Rank], moved: Sequence[int]) -> Iterator[Note]:
    """Yield which ranks' steps had other numbers than the same steps of the others."""
    for by in sorted(set(moved) - {0}):
        mine = [_number(one) for one, other in zip(ranks, moved, strict=True) if other == by]
        yield warning("steps_renumbered", ranks=tuple(mine), by=by)


def _number(rank: Rank) -> int:
    return -1 if rank.number is None else rank.number


def _too_few(every: Sequence[Rank], known: Sequence[Rank]) -> str:
    if len(every) < 2:
        return "one trace of a rank: at least two ranks are needed to compare them"
    return (
        f"{len(every) - len(known)} of {len(every)} traces hold no work of their device: at least "
        "two with work are needed to compare ranks"
    )


def _steps_told(rank: Rank) -> str:
    name = rank.recording.file.path.name if rank.number is None else f"rank {rank.number}"
    if not len(rank.steps):
        return f"{name} uses none"
    return f"{name} has {rank.steps[0]} to {rank.steps[-1]}"


def _require_together(ranks: Sequence[Rank]) -> None:
    """Raise TraceError where clocks say that one trace ended long before another began."""
    if not all(one.recording.on_clock for one in ranks):
        return
    begun = max(one.recording.start_ns for one in ranks)
    apart = begun - min(one.recording.end_ns for one in ranks)
    if apart > _APART_NS:
        raise TraceError(
            f"ranks were recorded at different times, by their clocks: {apart / 1e9:,.3g} s from "
            "the end of one trace to the beginning of another; name traces of one recording"
        )


def _compared(
    ranks: Sequence[Rank], steps: NDArray[np.int64], facts: list[Note], absent: list[int]
) -> RanksTimes:
    table = table_of(ranks, steps)
    skews = skews_of(table)
    world = max((one.recording.world or 0 for one in ranks), default=0)
    found, unmatched = matched(ranks, steps, world)
    told, origin = clocks(len(ranks), found)
    waited = waits(ranks, found, told, origin)
    slow = stragglers(ranks, table, skews)
    on_device = any(one.device is not None for one in ranks)
    if waited.clocks_differ and on_device:
        facts.append(warning("clocks_differ"))
    waiting = waited.waiting_ns if found else None
    return RanksTimes(
        on_device=on_device,
        world_size=world or None,
        ranks=list(_rows(ranks, table, skews, told, waiting)),
        missing=absent,
        steps=list(step_rows(table, skews)),
        stragglers=slow,
        together=list(together(ranks, slow)),
        smallest_skew=_share(skews.smallest),
        collectives=waited.rows,
        unmatched=unmatched,
        facts=facts,
    )


def _share(log_ratio: float) -> float | None:
    """Return a log ratio as a share; None where it is so large that nothing can be told."""
    return float(np.expm1(log_ratio)) if log_ratio < _HOPELESS_LOG else None


def _rows(
    ranks: Sequence[Rank],
    table: Table,
    skews: Skews,
    told: Sequence[Clock | None],
    waiting: NDArray[np.int64] | None,
) -> Iterator[RankRow]:
    """Yield a row for each rank, in the order of the ranks."""
    count = len(table.steps)
    for at, rank in enumerate(ranks):
        means = table.parts[:, at].mean(axis=1)
        yield RankRow(
            rank=rank.number,
            file=readable(rank.recording.file.path),
            host=rank.host,
            on=rank.on,
            device=rank.device,
            step_ns=round(float(table.step_ns[at].mean())),
            own_ns=round(float(table.own_ns[at].mean())),
            parts={part: round(float(one)) for part, one in zip(PARTS, means, strict=True)},
            skew=float(np.expm1(skews.skew[at])),
            scatter=_share(float(skews.scatter[at])),
            waits_ns=None if waiting is None else round(float(waiting[at]) / count),
            clock=told[at],
        )
