"""Whether a difference can be told from the scatter of the steps.

Steps of one trace are no launches: what differs from one launch of a program to the next, or from
one machine to another, is in no interval here. A table of many rows is searched for differences, so
that the probabilities of its rows are corrected together (Benjamini and Hochberg).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_diff import Noise, StepInterval
from resnext_bench.reports.stats.effects import Interval, t_interval, welch_interval
from resnext_bench.reports.stats.multiple import benjamini_hochberg

Series = NDArray[np.int64]
Pair = tuple[Series, Series]
"""Times of each step of a and of b, ns."""

STEP_CONFIDENCE: Final = 0.99
"""Of the step's own interval, as in all verdicts."""
CONFIDENCE: Final = 0.95
FALSE_SHARE: Final = 0.05
"""Share of the differences of a table that may be noise although they are not said to be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scatter:
    """How steps of both sides are compared."""

    scale_ns: float
    """Mean step of both sides: the least scatter that is believed is a part of it."""
    is_paired: bool

    def step(self, pair: Pair) -> StepInterval | None:
        """Return the interval of the step's difference; None where a side has one step alone."""
        found = self._interval(pair, STEP_CONFIDENCE)
        if found is None:
            return None
        return StepInterval(
            low_ns=found.low * self.scale_ns,
            high_ns=found.high * self.scale_ns,
            confidence_percent=100 * STEP_CONFIDENCE,
            is_paired=self.is_paired,
        )

    def noises(self, pairs: Sequence[Pair]) -> list[Noise | None]:
        """Return what the scatter says of each row of a table."""
        found = [self._interval(pair, CONFIDENCE) for pair in pairs]
        known = [one for one in found if one is not None]
        if not known:
            return [None] * len(pairs)
        p = iter(benjamini_hochberg(np.array([one.p for one in known])).tolist())
        return [None if one is None else self._noise(one, next(p)) for one in found]

    def _interval(self, pair: Pair, confidence: float) -> Interval | None:
        a, b = (series / self.scale_ns for series in pair)
        if min(len(a), len(b)) < 2:
            return None
        return t_interval(b - a, confidence) if self.is_paired else welch_interval(a, b, confidence)

    def _noise(self, found: Interval, p: float) -> Noise:
        return Noise(
            low_ns=found.low * self.scale_ns,
            high_ns=found.high * self.scale_ns,
            p=p,
            is_noise=p >= FALSE_SHARE,
        )
