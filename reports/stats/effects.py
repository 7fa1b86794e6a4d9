"""A change between two sides, from one value a session, with the interval it lies in.

Everything is on the logarithm of the step time, b over a: 0 is no change, above 0 b is slower.
So the two sides can be swapped, and times scaled, without changing what is said. A session is
one replicate, never a step or a rank (Georges et al. 2007; Kalibera and Jones 2013).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from reports.stats.noise import LEAST_SD

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """An estimate, and the range that holds the truth with the given confidence; log ratios."""

    estimate: float
    low: float
    high: float
    error: float
    """Standard error of the estimate."""
    df: float
    """Degrees of freedom of its error."""
    confidence: float

    @property
    def excludes_zero(self) -> bool:
        """Whether there is a change."""
        return self.low > 0 or self.high < 0

    def within(self, margin_log: float) -> bool:
        """Whether all of it lies inside ±margin."""
        return -margin_log < self.low and self.high < margin_log


def session_effect(block_log_ratios: Floats) -> float:
    """Return what a session says: the median of its blocks' log ratios [pairs]."""
    return float(np.median(block_log_ratios))


def to_percent(log_ratio: float) -> float:
    """Return a log ratio as a change in per cent."""
    return float(100 * np.expm1(log_ratio))


def t_interval(effects: Floats, confidence: float) -> Interval:
    """Return mean and Student's t interval of effects [sessions], at least two."""
    values = _checked(effects, 2)
    count = len(values)
    error = max(float(values.std(ddof=1)), LEAST_SD) / np.sqrt(count)
    return interval(float(values.mean()), float(error), count - 1, confidence)


def ordered_interval(
    effects: Floats, orders: Floats, confidence: float
) -> tuple[Interval, Interval]:
    """Return the effect, and that of order, by least squares of effects [sessions] on orders.

    An order is +1 where a was first, -1 where b was: the second number says by how much the later
    side is slower. Three sessions at least, of both orders; one degree of freedom is spent.
    """
    values, signs = _checked(effects, 3), np.asarray(orders, dtype=np.float64)
    if signs.shape != values.shape or not np.isin(signs, (-1.0, 1.0)).all():
        raise ValueError("orders must be +1 or -1, one for each session")
    design = np.column_stack((np.ones(len(values)), signs))
    if np.linalg.matrix_rank(design) < 2:
        raise ValueError("both orders are needed to tell the effect from that of order")
    inverse = np.linalg.inv(design.T @ design)
    effect, order = inverse @ design.T @ values
    left = values - design @ (effect, order)
    df = len(values) - 2
    variance = max(float(left @ left) / df, LEAST_SD**2)
    errors = np.sqrt(variance * np.diag(inverse))
    return (
        interval(float(effect), float(errors[0]), df, confidence),
        interval(float(order), float(errors[1]), df, confidence),
    )


def welch_interval(log_a: Floats, log_b: Floats, confidence: float) -> Interval:
    """Return mean(b) - mean(a) of unpaired sessions, log_a [n] and log_b [m], two of each at least.

    Welch's t: unequal variances, Satterthwaite's degrees of freedom (Welch 1947).
    """
    a, b = _checked(log_a, 2), _checked(log_b, 2)
    parts = np.array([max(float(side.var(ddof=1)), LEAST_SD**2) / len(side) for side in (a, b)])
    df = parts.sum() ** 2 / (parts**2 / (len(a) - 1, len(b) - 1)).sum()
    error = float(np.sqrt(parts.sum()))
    return interval(float(b.mean() - a.mean()), error, float(df), confidence)


def interval(estimate: float, error: float, df: float, confidence: float) -> Interval:
    """Return Student's t interval around an estimate."""
    half = float(stats.t.ppf((1 + confidence) / 2, df)) * error
    return Interval(
        estimate=estimate,
        low=estimate - half,
        high=estimate + half,
        error=error,
        df=df,
        confidence=confidence,
    )


def _checked(values: Floats, least: int) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < least or not np.isfinite(array).all():
        raise ValueError(f"at least {least} sessions with one finite value each are needed")
    return array
