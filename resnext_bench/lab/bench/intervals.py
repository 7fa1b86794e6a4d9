"""The ratio of two sides over sessions, with its 99 % interval and a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

Pairs = list[tuple[float, float]]
"""Times of the blocks of one session in turn, s: (ours, the other's)."""
Verdict = Literal["within", "outside", "can't tell"]
MARGIN = 0.01


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """The ratio of our side over the other one; a session is one replicate."""

    estimate: float
    low: float
    high: float
    sessions: int
    detectable_percent: float
    """Smallest effect that this many sessions distinguish from none with 95 % power, per cent."""

    @property
    def verdict(self) -> Verdict:
        """What the interval says about the margin."""
        if self.low >= 1 - MARGIN and self.high <= 1 + MARGIN:
            return "within"
        if self.low > 1 + MARGIN or self.high < 1 - MARGIN:
            return "outside"
        return "can't tell"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What our loop adds to a step, in microseconds, whatever the network."""

    estimate_us: float
    low_us: float
    high_us: float


def cost_of(sessions: Sequence[Pairs], steps: int) -> Cost:
    """Return the median difference of blocks per step, by Student's t over the sessions."""
    costs = np.array(
        [np.median([(ours - other) * 1e6 / steps for ours, other in pairs]) for pairs in sessions]
    )
    half = float(stats.t.ppf(0.995, len(costs) - 1) * costs.std(ddof=1) / np.sqrt(len(costs)))
    mean = float(costs.mean())
    return Cost(estimate_us=mean, low_us=mean - half, high_us=mean + half)


def ratio_of(sessions: Sequence[Pairs]) -> Ratio:
    """Return the median of the log ratios in a session, by Student's t over sessions."""
    logs = np.array(
        [np.median([np.log(ours / other) for ours, other in pairs]) for pairs in sessions]
    )
    count = len(logs)
    error = float(logs.std(ddof=1) / np.sqrt(count))
    t99, t95 = stats.t.ppf(0.995, count - 1), stats.t.ppf(0.95, count - 1)
    mean, half = float(logs.mean()), float(t99 * error)
    return Ratio(
        estimate=float(np.exp(mean)),
        low=float(np.exp(mean - half)),
        high=float(np.exp(mean + half)),
        sessions=count,
        detectable_percent=100 * float(np.expm1((t99 + t95) * error)),
    )
