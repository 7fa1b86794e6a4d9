"""Which collective of one rank is which of another.

In a step that all ranks have, the n-th collective of a kind in a process group is the n-th of every
member. Where sizes tell that two of them have changed places, as spans of gloo do that several
threads work off, they are put in order by size. A step in which members have other numbers of them
is left out.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_ranks import CollectiveKind
from resnext_bench.reports.trace.ranks.rank import Rank
from resnext_bench.reports.trace.ranks.talks import Message, Talks
from resnext_bench.reports.trace.time.intervals import Ns

_UNMATCHED: Final[frozenset[CollectiveKind]] = frozenset({"send, receive"})
"""What two ranks send one another has no place in the order of all."""

_DEFAULT: Final = frozenset({"", "0", "default_pg"})
"""How the group of all ranks is recorded: as nothing, by its number, or by its name."""

_Key = tuple[str, tuple[int, ...], CollectiveKind]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Matched:
    """Collectives of one kind in one process group: columns of those that all members have."""

    kind: CollectiveKind
    members: tuple[int, ...]
    """Places of the ranks."""
    step: NDArray[np.int64]
    start: Ns
    """[members, collectives]"""
    end: Ns
    messages: tuple[Message, ...]
    """Of each collective, that of the first member."""
    bytes: NDArray[np.int64]
    """Of each collective, the largest message of a member; -1: not recorded."""

    size: int | None = None
    """Of how many ranks the group is, also of those without a trace; None where nothing tells."""


def matched(
    ranks: Sequence[Rank], steps: NDArray[np.int64], world: int
) -> tuple[list[Matched], int]:
    """Return what is matched in these steps, and how many collectives of all ranks are not.

    `world`: how many ranks there are, also those without a trace; 0: no trace tells.
    """
    rows: dict[_Key, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for at, rank in enumerate(ranks):
        here = np.flatnonzero(np.isin(rank.talks.step, steps))
        for row in here.tolist():
            one = rank.talks.messages[rank.talks.message[row]]
            rows[one.group, one.members, one.kind][at].append(row)
    found, whole = [], 0
    for (_, _, kind), members in rows.items():
        whole += sum(map(len, members.values()))
        if len(members) < 2 or kind in _UNMATCHED:
            continue
        if one := _matched(kind, ranks, members, world):
            found.append(one)
            whole -= one.start.size
    return found, whole


def _matched(
    kind: CollectiveKind, ranks: Sequence[Rank], rows: dict[int, list[int]], world: int
) -> Matched | None:
    members = tuple(sorted(rows))
    talks = [ranks[at].talks for at in members]
    kept = list(_alike([_by_step(talk, rows[at]) for talk, at in zip(talks, members, strict=True)]))
    if not kept:
        return None
    bytes_ = [_bytes(talk) for talk in talks]
    steps = [_in_order(bytes_, step) for step in kept]
    order = [np.concatenate([step[at] for step in steps]) for at in range(len(members))]
    sizes = np.array([each[mine] for each, mine in zip(bytes_, order, strict=True)])
    messages = tuple(talks[0].messages[one] for one in talks[0].message[order[0]])
    return Matched(
        kind=kind,
        members=members,
        step=talks[0].step[order[0]],
        start=np.array([talk.start[mine] for talk, mine in zip(talks, order, strict=True)]),
        end=np.array([talk.end[mine] for talk, mine in zip(talks, order, strict=True)]),
        messages=messages,
        bytes=sizes.max(axis=0),
        size=_size(messages[0], len(members), len(ranks), world),
    )


def _size(message: Message, members: int, compared: int, world: int) -> int | None:
    """Return of how many ranks a group is of which `members` of the ones compared are.

    A group that records nothing is all of the world if all who are compared are in it; of a part of
    them nobody knows how many more there are, unless the whole world is compared.
    """
    if recorded := max(message.size, len(message.members)):
        return max(recorded, members)
    if world <= compared:
        return members if world else None
    is_default = message.group in _DEFAULT
    return world if members == compared and is_default else None


def _by_step(talk: Talks, rows: Sequence[int]) -> dict[int, NDArray[np.intp]]:
    mine = np.array(rows, dtype=np.intp)
    step = talk.step[mine]
    return {number: mine[step == number] for number in np.unique(step).tolist()}


def _alike(rows: Sequence[dict[int, NDArray[np.intp]]]) -> Iterator[list[NDArray[np.intp]]]:
    """Yield the rows of each member in each step in which all have as many of them."""
    for number in rows[0]:
        here = [one[number] for one in rows if number in one]
        if len(here) == len(rows) and len({len(one) for one in here}) == 1:
            yield here


def _in_order(
    bytes_: Sequence[NDArray[np.int64]], rows: Sequence[NDArray[np.intp]]
) -> Sequence[NDArray[np.intp]]:
    """Return the rows of each member by size where members have the same sizes in another order."""
    sizes = [each[mine] for each, mine in zip(bytes_, rows, strict=True)]
    if all((size == sizes[0]).all() for size in sizes):
        return rows
    ordered = [np.sort(size) for size in sizes]
    if not all((one == ordered[0]).all() for one in ordered):
        return rows
    return [mine[np.argsort(size, kind="stable")] for mine, size in zip(rows, sizes, strict=True)]


def _bytes(talk: Talks) -> NDArray[np.int64]:
    """Return the bytes of each collective; -1: not recorded."""
    told = [-1 if one.bytes is None else one.bytes for one in talk.messages]
    sizes: NDArray[np.int64] = np.array(told, dtype=np.int64)[talk.message]
    return sizes
