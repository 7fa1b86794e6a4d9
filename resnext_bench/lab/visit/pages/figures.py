"""Rates and ratios, with intervals, of what a task timed: the only place where they are calculated.

A round is one replicate. `timed` leaves out sides that were wrong, so that no page and no chart can
show them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import exp
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.lab.visit.results import Task
from resnext_bench.reports.stats.effects import t_interval

Floats = NDArray[np.float64]
WIDE: Final = 10.0
"""Largest ratio of the ends of an interval; a wider one says nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """An estimate and, where there were enough rounds, its interval."""

    estimate: float
    low: float | None = None
    high: float | None = None
    n: int = 1
    """Number of rounds behind it."""

    def times(self, factor: float) -> "Figure":
        """Return the figure in another unit; the factor, above 0, is taken as exact."""
        low, high = (None if end is None else end * factor for end in (self.low, self.high))
        return Figure(estimate=self.estimate * factor, low=low, high=high, n=self.n)

    @property
    def inverse(self) -> "Figure":
        """Seconds for a unit from units per second, or the other way round."""
        low, high = (None if end is None else 1 / end for end in (self.high, self.low))
        return Figure(estimate=1 / self.estimate, low=low, high=high, n=self.n)

    @property
    def ends(self) -> tuple[float, float] | None:
        """Ends of the interval to be shown; None if there are none, or if they say nothing."""
        if self.low is None or self.high is None or self.high > WIDE * self.low:
            return None
        return self.low, self.high

    @property
    def is_above_one(self) -> bool:
        """Whether the whole interval is above 1."""
        return self.low is not None and self.low > 1


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Blocks of sides that took turns, without the sides that were wrong."""

    unit: str
    units: Mapping[str, float]
    """Units in a block, by side."""
    logs: Mapping[str, Floats]
    """Logarithms of seconds [rounds], by side."""
    confidence: float

    @property
    def sides(self) -> tuple[str, ...]:
        """Names of the sides."""
        return tuple(self.logs)

    @property
    def n(self) -> int:
        """Number of rounds."""
        return max((len(one) for one in self.logs.values()), default=0)

    @cached_property
    def _rates(self) -> dict[str, Figure]:
        """Rates by side, calculated once, as those of many sides are needed again and again."""
        return {
            side: _figure(np.log(self.units[side]) - logs, self.confidence)
            for side, logs in self.logs.items()
        }

    def rate(self, side: str) -> Figure | None:
        """Return the units per second of a side; None where it does not exist."""
        return self._rates.get(side)

    def ratio(self, side: str, other: str, confidence: float | None = None) -> Figure | None:
        """Return the rate of one side over another's, by rounds: above 1, the first is faster."""
        if side not in self.logs or other not in self.logs:
            return None
        logs = self.logs[other] - self.logs[side] + np.log(self.units[side] / self.units[other])
        return _figure(logs, confidence or self.confidence)

    def fastest(self, sides: tuple[str, ...] | None = None) -> str | None:
        """Return the side with the highest rate, of all sides or of these."""
        rates = {side: rate.estimate for side in sides or self.sides if (rate := self.rate(side))}
        return max(rates, key=lambda side: rates[side], default=None)


def timed(task: Task, confidence: float) -> Timed:
    """Return what a task timed without the wrong sides; empty where nothing was timed."""
    found, sides = task.found, list(task.found.get("sides", ()))
    told = found.get("seconds", ()) if rounds(task) else ()
    rows = np.array([row for row in told if len(row) == len(sides)])
    units = dict(zip(sides, map(float, found.get("units", ())), strict=False))
    left_out = wrong_sides(task)
    logs: dict[str, Floats] = {}
    for place, side in enumerate(sides if len(rows) else ()):
        if side in units and side not in left_out and (rows[:, place] > 0).all():
            logs[side] = np.log(rows[:, place])
    return Timed(unit=found.get("unit", ""), units=units, logs=logs, confidence=confidence)


def rounds(task: Task) -> int:
    """Return the number of rounds; 0 for a task without blocks of sides."""
    found = task.found.get("seconds")
    return len(found) if isinstance(found, list | tuple) and "sides" in task.found else 0


def wrong_sides(task: Task) -> frozenset[str]:
    """Return the sides that are named as wrong; all of them where none is named."""
    sides = frozenset(task.found.get("sides", ()))
    choices = task.found.get("choices", {})
    wrong = {side for side in sides if choices.get(side, {}).get("poisoned")}
    for text in task.wrong:
        named = {
            side for side in sides if re.search(rf"(?<![\w,]){re.escape(side)}(?![\w,])", text)
        }
        wrong |= named or sides
    return frozenset(wrong)


def _figure(logs: Floats, confidence: float) -> Figure:
    found = t_interval(logs, confidence)
    if not found.is_known:
        return Figure(estimate=exp(found.estimate))
    low, estimate, high = map(exp, (found.low, found.estimate, found.high))
    return Figure(estimate=estimate, low=low, high=high, n=len(logs))
