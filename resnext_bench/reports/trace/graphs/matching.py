"""Which launches of a source each replay repeats, and why none can be told where that is so.

What an eager run launched in the same order, kernel by kernel of the same name, is what a replay
repeats: that is known best. Next comes a capture with as many launches of the same kinds as the
replay has nodes, below operators that can have launched such kernels. In both the order of the
replay has to be certain. Where several places of a source fit, and would tell different things, the
place counts around which most other launches agree, too; where that is undecided nothing is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_graphs import UntoldWhy
from resnext_bench.reports.trace.graphs.plausible import implausible
from resnext_bench.reports.trace.graphs.replays import Replays
from resnext_bench.reports.trace.graphs.sequences import MOST, alike, around, occurrences
from resnext_bench.reports.trace.graphs.sources import (
    GRAPH,
    Capture,
    Origins,
    Source,
    captures,
    eager,
)
from resnext_bench.reports.trace.graphs.streams import Lane, by_streams, lanes
from resnext_bench.reports.trace.reading.trace import Ids, Kind, Trace
from resnext_bench.reports.trace.time.links import Links

FEWEST: Final = 8
"""Kernels, with those that agree around them, by whose names alone a graph is recognised."""
_AROUND: Final = 2048
"""Launches that are looked at on each side of a replay."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Why origins of a replay are not told."""

    why: UntoldWhy
    kernels: int = 0
    """Of the replay."""
    launches: int = 0
    """Of the capture that comes nearest."""
    wrong: int = 0
    """Kernels that cannot be below their operators."""
    name: str = ""
    """Of one of these kernels."""
    operator: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Matched:
    """Where a replay comes from."""

    source: int
    """Which of the sources."""
    kind: Literal["eager", "capture"]
    rows: NDArray[np.intp]
    """Rows of the device that have an origin: all of the replay, or its kernels alone."""
    launch: Ids
    """Origin of each, a row of the host of the source."""
    operator: Ids
    began: int
    """When the source began what the replay repeats: the launch before it, or the capture, ns."""
    ended: int


@dataclass(frozen=True, kw_only=True, eq=False)
class _Eager:
    """All that a source launched one by one."""

    source: int
    every: Origins
    at: NDArray[np.intp]
    """Where each of its kernels, and each launch of a graph, is among them."""
    name: Ids
    """Of those."""
    lanes: Sequence[Lane]
    """All of it, stream by stream."""
    kernel_lanes: Sequence[Lane]
    """Likewise kernels alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Matcher:
    """Finds the origins of replays."""

    trace: Trace
    replays: Replays
    sources: Sequence[Source]
    eager: Sequence[_Eager]
    captures: Sequence[tuple[int, Capture]]
    """With the number of the source of each."""
    order: Ids
    """Names of all kernels that the trace launched, in the order of launches and of nodes."""
    at: NDArray[np.intp]
    """Where each replay's kernels begin among them."""
    _known: dict[object, tuple[int, int] | Refused] = field(default_factory=dict)
    """What was found for replays with the same kernels around them."""
    _by_lane: dict[object, NDArray[np.intp] | None] = field(default_factory=dict)
    """Likewise for those with the same work on each stream."""

    def matched(self, replay: int) -> Matched | Refused:
        """Return where a replay comes from."""
        rows = self.replays.of(replay)
        kernels = rows[self.trace.device.kind[rows] == Kind.KERNEL]
        refused: Refused | None = None
        if len(kernels):
            found = self._eager(replay, rows, kernels)
            if isinstance(found, Matched):
                return found
            refused = found
            if self.captures:
                told = self._capture(replay, rows, kernels)
                if isinstance(told, Matched):
                    return told
                refused = told if refused is None or refused.why == "names" else refused
        return refused or Refused(why="no source" if len(kernels) else "short")

    def _eager(
        self, replay: int, rows: NDArray[np.intp], kernels: NDArray[np.intp]
    ) -> Matched | Refused | None:
        """Return it by an eager run; None where there is none."""
        if not any((one.name != GRAPH).any() for one in self.eager):
            return None
        if not (self.replays.by_node[replay] or self.replays.on_one_stream[replay]):
            return self._by_streams(rows, kernels)
        first, name = int(self.at[replay]), self.trace.device.name[kernels]
        nearby = self.order[max(0, first - _AROUND) : first + len(name) + _AROUND]
        key = (name.tobytes(), nearby.tobytes(), min(first, _AROUND))
        if key not in self._known:
            self._known[key] = self._place(first, name)
        found = self._known[key]
        if isinstance(found, Refused):
            return found
        one = self.eager[found[0]]
        begin, end = found[1], found[1] + len(kernels)
        told = one.every.take(one.at[begin:end])
        whole = self._whole(one, begin, end, rows)
        if whole is not None:
            rows, told = whole
        else:
            rows = kernels
        return self._of_run(one, int(one.at[begin]), rows, told)

    def _of_run(self, one: _Eager, first: int, rows: NDArray[np.intp], told: Origins) -> Matched:
        """Return that an eager run tells the origins of these rows, from its launch `first` on."""
        moments = self.sources[one.source].trace.host.start
        before = int(one.every.launch[first - 1]) if first else -1
        return Matched(
            source=one.source,
            kind="eager",
            rows=rows,
            launch=told.launch,
            operator=told.operator,
            began=int(moments[before]) if before >= 0 else np.iinfo(np.int64).min,
            ended=int(moments[told.launch].max()),
        )

    def _by_streams(self, rows: NDArray[np.intp], kernels: NDArray[np.intp]) -> Matched | Refused:
        """Return it stream by stream, with copies and fills if an eager run has the same ones."""
        for number, one in enumerate(self.eager):
            for mine, of in ((rows, one.lanes), (kernels, one.kernel_lanes)):
                at = self._lanes(number, mine, of)
                if at is not None:
                    return self._of_run(one, int(at.min()), mine, one.every.take(at))
        return Refused(why="order", kernels=len(kernels))

    def _lanes(
        self, number: int, rows: NDArray[np.intp], of: Sequence[Lane]
    ) -> NDArray[np.intp] | None:
        """Return where an eager run launched these rows; streams are told apart by first use."""
        name, stream = self.trace.device.name[rows], self.trace.device.stream[rows]
        _, first, which = np.unique(stream, return_index=True, return_inverse=True)
        which = np.argsort(np.argsort(first))[which]
        order = np.argsort(which, kind="stable")
        key = (number, name[order].tobytes(), np.sort(which).tobytes())
        if key not in self._by_lane:
            found = by_streams(name[order], which[order], self.eager[number].every, of, FEWEST)
            self._by_lane[key] = found
        at = self._by_lane[key]
        if at is None:
            return None
        back = np.empty(len(at), dtype=np.intp)
        back[order] = at
        return back

    def _place(self, first: int, name: Ids) -> tuple[int, int] | Refused:
        """Return which eager run has these kernels, and where; `first`: where the trace has them.

        Places that tell the same are one. Of others it is that with most agreement around it, if
        all that tell something else differ where it agrees.
        """
        places = [
            (number, at)
            for number, one in enumerate(self.eager)
            for at in occurrences(name, one.name)
        ]
        if not places:
            return Refused(why="names", kernels=len(name))
        if len(places) > MOST:
            return Refused(why="short" if len(name) < FEWEST else "ambiguous", kernels=len(name))
        if len(name) >= FEWEST and self._agree(places, len(name)):
            return self._most_told(places, len(name))
        agreeing = [
            around(self.order, first, self.eager[number].name, at, len(name), _AROUND)
            for number, at in places
        ]
        best = max(agreeing, key=lambda one: one.rows)
        if len(name) + best.rows < FEWEST:
            return Refused(why="short", kernels=len(name))
        left = [
            place for place, one in zip(places, agreeing, strict=True) if not best.excludes(one)
        ]
        if not self._agree(left, len(name)):
            return Refused(why="ambiguous", kernels=len(name))
        return self._most_told(left, len(name))

    def _what(self, place: tuple[int, int], length: int) -> NDArray[np.int32]:
        one = self.eager[place[0]]
        return one.every.what[one.at[place[1] : place[1] + length]]

    def _agree(self, places: Sequence[tuple[int, int]], length: int) -> bool:
        """Return whether places of one source tell the same, as far as they tell anything."""
        if len({number for number, _ in places}) > 1:
            places = [place for place in places if place[0] == places[0][0]]
        return alike([self._what(place, length) for place in places])

    def _most_told(self, places: Sequence[tuple[int, int]], length: int) -> tuple[int, int]:
        """Return the place that tells most, of the first source; the last of equal ones."""
        mine = [place for place in places if place[0] == places[0][0]]
        return max(mine, key=lambda one: (int((self._what(one, length) >= 0).sum()), one[1]))

    def _whole(
        self, one: _Eager, begin: int, end: int, rows: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], Origins] | None:
        """Return all rows of a replay with their origins, copies and fills included.

        None where the eager run has others among its kernels.
        """
        kind = self.trace.device.kind[rows]
        inner = np.flatnonzero(kind == Kind.KERNEL)
        first = int(one.at[begin]) - int(inner[0])
        behind = int(one.at[end - 1]) + len(rows) - int(inner[-1])
        if first < 0 or behind - first != len(rows) or behind > len(one.every):
            return None
        told = one.every.take(np.arange(first, behind))
        same = (told.name == self.trace.device.name[rows]) & (told.kind == kind)
        return (rows, told) if same.all() else None

    def _capture(
        self, replay: int, rows: NDArray[np.intp], kernels: NDArray[np.intp]
    ) -> Matched | Refused:
        """Return it by a capture."""
        device, launched = self.trace.device, int(self.replays.launch[replay])
        if not (self.replays.by_node[replay] or self.replays.on_one_stream[replay]):
            return Refused(why="order")
        earlier = [
            (number, one)
            for number, one in self.captures
            if self.sources[number].is_other or one.end <= self.trace.host.start[launched]
        ]
        fits: list[tuple[int, Capture, NDArray[np.intp], Origins]] = []
        wrong: Refused | None = None
        for number, one in earlier:
            whole = np.array_equal(one.origins.kind, device.kind[rows])
            mine = rows if whole else kernels
            told = one.origins if whole else one.origins.take(one.origins.kind == Kind.KERNEL)
            if len(told) != len(mine):
                continue
            if odd := self._odd(number, kernels, one.origins):
                wrong = odd
                continue
            fits.append((number, one, mine, told))
        if fits and alike([told.what for number, _, _, told in fits if number == fits[0][0]]):
            number, one, mine, told = fits[0]
            return Matched(
                source=number,
                kind="capture",
                rows=mine,
                launch=told.launch,
                operator=told.operator,
                began=one.begin,
                ended=one.end,
            )
        if fits or wrong:
            return wrong or Refused(why="ambiguous", kernels=len(kernels))
        counts = [int((one.origins.kind == Kind.KERNEL).sum()) for _, one in earlier]
        if not counts:
            return Refused(why="no source")
        near = min(counts, key=lambda count: abs(count - len(kernels)))
        return Refused(why="counts", kernels=len(kernels), launches=near)

    def _odd(self, number: int, kernels: NDArray[np.intp], told: Origins) -> Refused | None:
        """Return that a capture's operators cannot have launched such kernels, where that is so."""
        of = self.sources[number].trace
        operator = told.operator[told.kind == Kind.KERNEL]
        found = implausible(
            self.trace.device.name[kernels],
            np.append(of.host.name, np.int32(-1))[operator],
            self.trace.names,
            of.names,
        )
        if found is None:
            return None
        wrong, name, by = found
        return Refused(why="implausible", kernels=len(kernels), wrong=wrong, name=name, operator=by)


def matcher(
    trace: Trace,
    links: Links,
    found: Replays,
    sources: Sequence[Source],
    device: int | None,
) -> Matcher:
    """Return what finds origins in these sources, of which the first ones go first."""
    runs = [_run(number, eager(one, device)) for number, one in enumerate(sources)]
    captured = [(number, one) for number, of in enumerate(sources) for one in captures(of)]
    order, at = _in_order(trace, links, found, device)
    return Matcher(
        trace=trace,
        replays=found,
        sources=sources,
        eager=runs,
        captures=captured,
        order=order,
        at=at,
    )


def _run(number: int, every: Origins) -> _Eager:
    at = np.flatnonzero(every.kind == Kind.KERNEL)
    kernels = lanes(every.take(at))
    return _Eager(
        source=number,
        every=every,
        at=at,
        name=every.name[at],
        lanes=lanes(every),
        kernel_lanes=[Lane(at=at[one.at], name=one.name) for one in kernels],
    )


def _in_order(
    trace: Trace, links: Links, found: Replays, device: int | None
) -> tuple[Ids, NDArray[np.intp]]:
    """Return the names of all kernels in the order of launches, and where replays begin in it."""
    own = trace.device
    rows = np.flatnonzero((own.device == device) & (own.kind == Kind.KERNEL) & (links.launch >= 0))
    nth = np.zeros(len(own), dtype=np.int64)
    nth[found.rows] = np.arange(len(found.rows))
    launch = links.launch[rows]
    order = np.lexsort((own.start[rows], nth[rows], launch, trace.host.start[launch]))
    rows, launch = rows[order], launch[order]
    changes = np.flatnonzero(np.append(True, np.diff(launch) != 0))
    first = np.full(len(trace.host) + 1, -1, dtype=np.intp)
    first[launch[changes][::-1]] = changes[::-1]
    return own.name[rows], first[found.launch]
