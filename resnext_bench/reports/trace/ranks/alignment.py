"""Which step of one rank is which of another, where numbers are only places in a trace.

Without the profiler's own numbers a trace counts its steps from 1, so that a rank whose trace
begins one step later has other numbers for the same steps. Collectives tell: one that needs all of
its ranks ends on all of them within microseconds, so that with the right numbers the ends of two
ranks' steps are always as far apart (that is their clocks), and with wrong ones they scatter as
step times do. Where steps are too much alike for that, clocks of one host decide; where nothing
does, numbers stay as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_ranks import CollectiveKind
from resnext_bench.reports.trace.names.collectives import ends_together
from resnext_bench.reports.trace.ranks.rank import Rank

_TIMES: Final = 4.0
"""Numbers are wrong where ends scatter by so many times as much as with others."""
_LEAST_NS: Final = 2_000.0
"""Ends of one collective scatter by as much between devices."""
_FEWEST: Final = 3
"""Steps in common below which a scatter says nothing."""
_MOST: Final = 1000
"""Steps by which numbers are moved at most."""

Floats = NDArray[np.float64]
_Key = tuple[str, tuple[int, ...], CollectiveKind]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Ends:
    """When the last collective of each step ended, for two ranks by the same collectives."""

    first: int
    """Number of the first step."""
    end: Floats
    """Of each step from the first on, ns since a common moment; NaN: no such step."""
    count: NDArray[np.int64]
    """Of collectives in each step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fit:
    """How steps agree if numbers of one rank are moved by so many."""

    moved: int
    steps: int
    apart_ns: float
    """Median distance of ends."""
    scatter_ns: float
    """Median distance from that."""


def aligned(ranks: Sequence[Rank]) -> tuple[list[Rank], list[int]]:
    """Return the ranks with steps numbered alike, and by how much each one's were moved."""
    if all(one.is_counted for one in ranks):
        return list(ranks), [0] * len(ranks)
    found: dict[int, Rank] = {}
    moved = [0] * len(ranks)
    while len(found) < len(ranks):
        at = _next(ranks, found)
        other = next((one for one in found.values() if _shared(ranks[at], one)), None)
        if other is not None and not ranks[at].is_counted:
            moved[at] = _moved(ranks[at], other)
        found[at] = _with_steps(ranks[at], moved[at])
    return [found[at] for at in range(len(ranks))], moved


def _next(ranks: Sequence[Rank], found: dict[int, Rank]) -> int:
    """Return the next rank: those that count first, then those that share a group with one."""
    left = [at for at in range(len(ranks)) if at not in found]

    def later(at: int) -> tuple[bool, bool, int]:
        shares = any(_shared(ranks[at], one) for one in found.values())
        return not ranks[at].is_counted, not shares, at

    return min(left, key=later)


def _with_steps(rank: Rank, moved: int) -> Rank:
    if not moved:
        return rank
    talks = replace(rank.talks, step=rank.talks.step + moved)
    return replace(rank, steps=rank.steps + moved, talks=talks)


def _keys(rank: Rank) -> list[_Key]:
    """Return what each message has in common on all ranks of its group."""
    return [(one.group, one.members, one.kind) for one in rank.talks.messages]


def _shared(one: Rank, other: Rank) -> set[_Key]:
    """Return what both take part in, of collectives that end on all ranks together."""
    return {key for key in set(_keys(one)) & set(_keys(other)) if ends_together(key[2])}


def _moved(mine: Rank, other: Rank) -> int:
    """Return by how much the numbers of one rank must be moved to be those of the other."""
    keys = _shared(mine, other)
    origin = min(int(one.talks.end.min()) for one in (mine, other))
    of_mine, of_other = (_ends(one, keys, origin) for one in (mine, other))
    fits = list(_fits(of_mine, of_other))
    if not fits:
        return 0
    at_rest = next((one for one in fits if one.moved == 0), None)
    known = [one for one in fits if one.steps >= _FEWEST]
    if known:
        least = max(_TIMES * min(one.scatter_ns for one in known), _LEAST_NS)
        good = [one for one in known if one.scatter_ns <= least]
        if len(good) == 1:
            return good[0].moved
    else:
        good = fits
    if mine.host == other.host and mine.recording.on_clock and other.recording.on_clock:
        return min(good, key=lambda one: (abs(one.apart_ns), abs(one.moved))).moved
    if at_rest is not None:
        return 0
    return min(good, key=lambda one: (one.scatter_ns, -one.steps, abs(one.moved))).moved


def _ends(rank: Rank, keys: set[_Key], origin: int) -> _Ends:
    mine = np.array([key in keys for key in _keys(rank)], dtype=np.bool_)
    kept = mine[rank.talks.message] & np.isin(rank.talks.step, rank.steps)
    step, end = rank.talks.step[kept], rank.talks.end[kept] - origin
    first = int(rank.steps.min()) if len(rank.steps) else 0
    length = int(rank.steps.max()) - first + 1 if len(rank.steps) else 0
    last = np.full(length, -np.inf)
    np.maximum.at(last, step - first, end.astype(np.float64))
    count = np.bincount(step - first, minlength=length).astype(np.int64)
    return _Ends(first=first, end=np.where(count > 0, last, np.nan), count=count)


def _fits(mine: _Ends, other: _Ends) -> list[_Fit]:
    """Return how steps agree for each move that leaves at least half of the fewer in common."""
    fewest = min(int((one.count > 0).sum()) for one in (mine, other))
    found = []
    between = other.first - mine.first
    for place in range(1 - len(mine.end), len(other.end)):
        moved = between + place
        if abs(place) > _MOST or not fewest:
            continue
        apart = _apart(mine, other, place)
        if 2 * len(apart) < fewest or not len(apart):
            continue
        middle = float(np.median(apart))
        scatter = float(np.median(np.abs(apart - middle)))
        found.append(_Fit(moved=moved, steps=len(apart), apart_ns=middle, scatter_ns=scatter))
    return found


def _apart(mine: _Ends, other: _Ends, place: int) -> Floats:
    """Return how far ends of steps lie apart, if my first step is the other's at this place."""
    start, stop = max(0, place), min(len(other.end), place + len(mine.end))
    ours, theirs = slice(start - place, stop - place), slice(start, stop)
    apart = mine.end[ours] - other.end[theirs]
    alike = (mine.count[ours] == other.count[theirs]) & (mine.count[ours] > 0)
    return np.asarray(apart[alike], dtype=np.float64)
