"""A change between two sides with its interval, from one value for each session.

Everything is on the logarithm of the step time, b over a: at 0 there is no change, above 0 b is
slower. So the two sides can be swapped, and times scaled, without changing the result. A session is
one replicate, never a step or a rank (Georges et al. 2007; Kalibera and Jones 2013). Sums are
exact, so that the order of the sessions changes not even the last digit.
"""

from dataclasses import dataclass
from math import fsum, inf, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from resnext_bench.reports.stats.series import LEAST_SD

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """An estimate with its interval at the given confidence, as log ratios."""

    estimate: float
    low: float
    high: float
    error: float
    """Standard error of the estimate; infinite where it is not known."""
    df: float
    """Degrees of freedom of the error; 0 where it is not known."""
    confidence: float

    @property
    def is_known(self) -> bool:
        """Whether there were enough sessions for an error; otherwise the interval is infinite."""
        return self.df > 0

    @property
    def p(self) -> float:
        """Two-sided probability of such an estimate if there is no change."""
        return (
            float(2 * special.stdtr(self.df, -abs(self.estimate) / self.error)) if self.df else 1.0
        )

    @property
    def excludes_zero(self) -> bool:
        """Whether there is a change at this confidence."""
        return self.low > 0 or self.high < 0

    def within(self, margin_log: float) -> bool:
        """Return whether all of the interval lies inside ±margin."""
        return -margin_log < self.low and self.high < margin_log


def session_effect(block_log_ratios: Floats) -> float:
    """Return the effect of a session: the median of its blocks' log ratios [pairs]."""
    return float(np.median(checked(block_log_ratios, 1)))


def to_percent(log_ratio: float) -> float:
    """Return a log ratio as a change in per cent."""
    with np.errstate(over="ignore"):
        return float(100 * np.expm1(log_ratio))


def t_interval(effects: Floats, confidence: float) -> Interval:
    """Return mean and Student's t interval of effects [sessions].

    One session has no scatter: its interval is infinite. Sessions that agree better than clocks
    can tell are given `LEAST_SD`, so that two equal numbers prove nothing.
    """
    values = checked(effects, 1)
    count, mean = len(values), _mean(values)
    if count == 1:
        return interval(mean, inf, 0, confidence)
    sd = max(sqrt(_variance(values)), LEAST_SD)
    return interval(mean, sd / sqrt(count), count - 1, confidence)


def ordered_interval(
    effects: Floats, orders: Floats, confidence: float
) -> tuple[Interval, Interval]:
    """Return the effect, and that of order, by least squares of effects [sessions] on orders.

    An order is +1 where a was first, -1 where b was: the second number says by how much the later
    side is slower. With two orders, least squares is half the sum and half the difference of their
    means; it costs one degree of freedom. Where there are fewer than three sessions, or only one
    order, the two cannot be separated: both intervals are infinite.
    """
    values, signs = checked(effects, 1), np.asarray(orders, dtype=np.float64)
    if signs.shape != values.shape or not np.isin(signs, (-1.0, 1.0)).all():
        raise ValueError("orders must be +1 or -1, one for each session")
    sides = [values[signs > 0], values[signs < 0]]
    df = len(values) - 2
    if df < 1 or not all(len(side) for side in sides):
        return interval(_mean(values), inf, 0, confidence), interval(0.0, inf, 0, confidence)
    means = [_mean(side) for side in sides]
    squares = [(len(side) - 1) * _variance(side) for side in sides]
    variance = max(fsum(squares) / df, LEAST_SD**2)
    error = sqrt(variance * sum(1 / len(side) for side in sides)) / 2
    return (
        interval(fsum(means) / 2, error, df, confidence),
        interval((means[0] - means[1]) / 2, error, df, confidence),
    )


def welch_interval(log_a: Floats, log_b: Floats, confidence: float) -> Interval:
    """Return mean(b) - mean(a) of unpaired sessions, log_a [n] and log_b [m] of log times.

    Welch's t: unequal variances, Satterthwaite's degrees of freedom (Welch 1947). Infinite where
    one of the sides has a single session.
    """
    a, b = checked(log_a, 1), checked(log_b, 1)
    change = _mean(b) - _mean(a)
    if min(len(a), len(b)) == 1:
        return interval(change, inf, 0, confidence)
    parts = [max(_variance(side), LEAST_SD**2) / len(side) for side in (a, b)]
    spread = parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1)
    return interval(change, sqrt(sum(parts)), sum(parts) ** 2 / spread, confidence)


def interval(estimate: float, error: float, df: float, confidence: float) -> Interval:
    """Return Student's t interval around an estimate; an infinite one where df is 0."""
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence}: it must lie between 0 and 1")
    half = float(special.stdtrit(df, (1 + confidence) / 2)) * error if df > 0 else inf
    return Interval(
        estimate=estimate,
        low=estimate - half,
        high=estimate + half,
        error=error,
        df=df,
        confidence=confidence,
    )


def checked(values: Floats, least: int) -> Floats:
    """Return values [n] as an array if they are finite and enough; raise ValueError if not."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < least or not np.isfinite(array).all():
        raise ValueError(f"one row of at least {least} finite values is needed")
    return array


def _mean(values: Floats) -> float:
    return fsum(values) / len(values)


def _variance(values: Floats) -> float:
    """Return the sample variance of [n] values; 0 for a single one."""
    return fsum((values - _mean(values)) ** 2) / max(len(values) - 1, 1)
