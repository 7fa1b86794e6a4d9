"""Whose clock is off, by the ends of collectives.

A collective that needs all of its ranks ends on all of them within microseconds. So where one
rank's ends lie apart from those of another by more than they scatter, that is the clock, and how
the distance grows is its drift. Two ranks that are in no group together are compared through the
groups of others; the clock of most ranks is taken to be right, of two ranks that of the first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import theilslopes

from resnext_bench.reports.schema.trace_ranks import Clock
from resnext_bench.reports.stats.series import robust_sd
from resnext_bench.reports.trace.names.collectives import ends_together
from resnext_bench.reports.trace.ranks.matching import Matched
from resnext_bench.reports.trace.time.intervals import Ns

_TIMES: Final = 4.0
"""A clock is off where the distance exceeds the scatter so many times."""
_LEAST_NS: Final = 10_000
"""Less is no clock: times of host and device differ by as much within one machine."""
_UNKNOWN_NS: Final = 100_000.0
"""Scatter that is assumed of so few collectives that they show none."""
_FEWEST, _FEWEST_FOR_DRIFT = 3, 8
_MOST: Final = 300
"""Collectives that a drift is computed of; more tell no more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """How one clock runs beside another: ahead by `offset` at `origin`, and by `drift` more.

    Both are by the other clock: where it shows t since the origin, this one shows
    t + offset + drift * t.
    """

    offset: float
    drift: float
    scatter: float

    def beside(self, other: "_Line") -> "_Line":
        """Return this clock beside the one beside which `other` is; both have been beside another.

        With the third clock at t, this one shows (t - o) / (1 + d) * (1 + drift) + offset, o and d
        being those of `other`: what it gains has had time to add up by when `other` is as far.
        """
        rate = (self.drift - other.drift) / (1 + other.drift)
        return replace(self, offset=self.offset - (1 + rate) * other.offset, drift=rate)

    def after(self, first: "_Line") -> "_Line":
        """Return this clock, told beside one that itself is told as `first`, beside the other."""
        return _Line(
            offset=first.offset + self.offset + self.drift * first.offset,
            drift=first.drift + self.drift + first.drift * self.drift,
            scatter=float(np.hypot(first.scatter, self.scatter)),
        )


def clocks(count: int, found: Sequence[Matched]) -> tuple[list[Clock | None], int]:
    """Return the clock of each of `count` ranks, None where nothing tells it; and when they start.

    Offsets are those at that moment, the first end of a collective.
    """
    telling = [one for one in found if ends_together(one.kind)]
    if not telling:
        return [None] * count, 0
    telling.sort(key=lambda one: -one.end.size)
    origin = min(int(one.end.min()) for one in telling)
    last = max(int(one.end.max()) for one in telling)
    lines: dict[int, _Line] = {}
    for start in range(count):
        if start not in lines:
            near = _reached(start, telling, origin)
            lines.update(_centred(near) if len(near) > 1 else {})
    return [
        _clock(lines[at], last - origin) if at in lines else None for at in range(count)
    ], origin


def _reached(start: int, telling: Sequence[Matched], origin: int) -> dict[int, _Line]:
    """Return the clocks of all ranks that are linked to one by groups, beside its own."""
    lines = {start: _Line(offset=0.0, drift=0.0, scatter=0.0)}
    while True:
        more = dict(_next(lines, telling, origin))
        if not more:
            return lines
        lines |= more


def _next(
    lines: dict[int, _Line], telling: Sequence[Matched], origin: int
) -> Iterator[tuple[int, _Line]]:
    """Yield the clocks of ranks that share a group with one whose clock is known."""
    seen = set(lines)
    for one in telling:
        known = [at for at in one.members if at in lines]
        for at in one.members if known else ():
            if at not in seen:
                seen.add(at)
                beside = known[0]
                mine, other = one.end[one.members.index(at)], one.end[one.members.index(beside)]
                found = _line((other - origin).astype(np.float64), (mine - other) * 1.0)
                yield at, found.after(lines[beside])


def _line(moment: NDArray[np.float64], apart: NDArray[np.float64]) -> _Line:
    """Return the line through distances at moments, which few odd ones do not bend."""
    middle = float(np.median(apart))
    if len(apart) < _FEWEST:
        return _Line(offset=middle, drift=0.0, scatter=_UNKNOWN_NS)
    if len(apart) >= _FEWEST_FOR_DRIFT:
        some = np.unique(np.linspace(0, len(apart) - 1, min(_MOST, len(apart))).astype(np.int64))
        slope = float(theilslopes(apart[some], moment[some])[0])
        rest = apart - slope * moment
        scatter = robust_sd(rest)
        if abs(slope) * float(np.ptp(moment)) > max(_TIMES * scatter, _LEAST_NS):
            return _Line(offset=float(np.median(rest)), drift=slope, scatter=scatter)
    return _Line(offset=middle, drift=0.0, scatter=robust_sd(apart))


def _centred(lines: dict[int, _Line]) -> dict[int, _Line]:
    """Return the lines beside that of most ranks; beside the first where there are two."""
    if len(lines) < 3:
        return lines
    most = _Line(
        offset=_middle([one.offset for one in lines.values()]),
        drift=_middle([one.drift for one in lines.values()]),
        scatter=0.0,
    )
    least = _middle([one.scatter for one in lines.values()])  # the first rank has none of its own
    return {
        at: replace(one.beside(most), scatter=max(one.scatter, least)) for at, one in lines.items()
    }


def _middle(values: Sequence[float]) -> float:
    """Return the median, of an even number the lower of the two in the middle, which some rank has.

    Ranks on one clock then stay so exactly.
    """
    return float(np.percentile(values, 50, method="lower"))


def _clock(line: _Line, span: int) -> Clock:
    farthest = max(abs(line.offset), abs(line.offset + line.drift * span))
    return Clock(
        offset_ns=round(line.offset),
        drift_ppm=1e6 * line.drift,
        scatter_ns=round(line.scatter),
        is_off=farthest > max(_TIMES * line.scatter, _LEAST_NS),
    )


def on_one_clock(one: Matched, told: Sequence[Clock | None], origin: int) -> tuple[Ns, Ns]:
    """Return starts and ends [members, collectives] by the clock of most ranks, ns.

    A clock's distance is that at a moment of the other clock, which its own times do not show: with
    a second between them and a drift of 50 us per s that alone would be 50 us.
    """
    start, end = one.start.copy(), one.end.copy()
    for row, at in enumerate(one.members):
        clock = told[at]
        if clock is not None and clock.is_off:
            drift = clock.drift_ppm * 1e-6
            for times in (start, end):
                since = times[row] - origin - clock.offset_ns
                times[row] -= clock.offset_ns + np.rint(since * (drift / (1 + drift))).astype(
                    np.int64
                )
    return start, end
