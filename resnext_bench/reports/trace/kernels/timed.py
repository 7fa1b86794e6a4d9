"""Calls and what they took: kernels added up by call, calls by what they compute.

Columns, and no loop over calls: a trace may have a hundred thousand of them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import Ids, Ns
from resnext_bench.reports.trace.time.links import Links


@dataclass(frozen=True, kw_only=True, eq=False)
class Launches:
    """Rows of work, each of them in some part of some call."""

    call: NDArray[Any]
    """As `apart` numbers them."""
    part: NDArray[Any]
    """Which part of the call, a small number: a direction."""
    name: Ids
    duration: Ns
    main: NDArray[np.bool_]
    """Whether it may give the part its name; others are what the call launches besides."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Timed:
    """Parts of calls, in the order of the calls."""

    call: NDArray[Any]
    """Likewise; its row of the host is the rest of a division by how many rows there are."""
    part: NDArray[Any]
    name: Ids
    """The kernel that took most of the time, all of its launches together."""
    ns: Ns
    of: NDArray[np.intp]
    """For each row of work the part that it is in."""

    def any(self, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which parts have any of some rows of work."""
        found: NDArray[np.bool_] = np.bincount(self.of[which], minlength=len(self.call)) > 0
        return found


def apart(row: Ids, replay: Ids, count: int) -> NDArray[np.int64]:
    """Return a number for the call of each row of work, one of its own in each replay of a graph.

    `row`: of the host, which has `count` rows; -1 stays -1.
    """
    return np.where(row >= 0, row + replay.astype(np.int64) * count, -1)


def cut_calls(links: Links, row: Ids, replay: Ids, cut: Ids) -> NDArray[np.bool_]:
    """Return of which rows of work a range cuts the call, or the replay of a graph it is in.

    `cut`: rows of the host of the calls that are no part of a replay, and are cut.
    """
    return np.where(replay > 0, links.is_cut(replay), np.isin(row, cut[cut >= 0]))


def timed(work: Launches) -> Timed:
    """Return what each part of each call took, with what it launched besides."""
    key = work.call.astype(np.int64) << 8 | work.part.astype(np.int64)
    _, first, of = np.unique(key, return_index=True, return_inverse=True)
    return Timed(
        call=work.call[first],
        part=work.part[first],
        name=_longest(of, work, len(first)),
        ns=_summed(of, work.duration, len(first)),
        of=of,
    )


def _longest(of: NDArray[np.intp], work: Launches, count: int) -> Ids:
    """Return of each part the name that took longest; of what is besides only where it is all."""
    size = np.int64(work.name.max(initial=0)) + 1
    key = of * size + work.name
    named, where = np.unique(key, return_inverse=True)
    total = _summed(where, work.duration, len(named))
    beside = np.bincount(where, weights=work.main, minlength=len(named)) == 0
    part = named // size
    order = np.lexsort((-total, beside, part))
    first = np.flatnonzero(np.append(True, np.diff(part[order]) != 0)) if len(named) else order
    found = np.zeros(count, dtype=np.int32)
    found[part[order][first]] = named[order][first] % size
    return found


def _summed(key: NDArray[np.intp], values: Ns, count: int) -> Ns:
    """Return sums of whole numbers by key, which are exact up to 104 days."""
    return np.bincount(key, weights=values, minlength=count).astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Usual:
    """What a call takes, of calls that are alike."""

    median_ns: float
    """Of the whole ones if there are any, else of what of them is in the range."""
    cut: int
    """Calls that the range cuts."""
    is_whole: bool
    """Whether any call is whole, so that its FLOP and its time belong together."""


def usual(ns: Ns, cut: NDArray[np.bool_]) -> Usual:
    """Return it; `cut`: whether the range cuts each call."""
    some = not cut.all()
    return Usual(
        median_ns=float(np.median(ns[~cut] if some else ns)), cut=int(cut.sum()), is_whole=some
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Parts that are alike in all that was asked, and were computed by the same kernel."""

    parts: NDArray[np.intp]
    """Places in the columns of `Timed`."""
    names: Ids
    """Distinct kernels, without what is besides."""
    rows: NDArray[np.intp]
    """Places in the columns of `Launches`, likewise."""


def grouped_by(found: Timed, work: Launches, *columns: NDArray[Any]) -> list[Group]:
    """Return the groups of parts with the same values in these columns, and the same name."""
    if not len(found.call):
        return []
    keys = (*columns, found.name)
    order = np.lexsort(keys)
    changes = np.zeros(len(order) - 1, dtype=bool)
    for key in keys:
        changes |= np.diff(key[order]) != 0
    ends = np.flatnonzero(changes) + 1
    number = np.empty(len(order), dtype=np.intp)
    number[order] = np.append(0, np.cumsum(changes))
    rows = np.flatnonzero(work.main)
    of = number[found.of[rows]]
    rows = rows[np.argsort(of, kind="stable")]
    bounds = np.searchsorted(np.sort(of), np.arange(1, len(ends) + 1))
    return [
        Group(parts=parts, names=np.unique(work.name[mine]), rows=mine)
        for parts, mine in zip(np.split(order, ends), np.split(rows, bounds), strict=True)
    ]
