"""A straight line through log times, with an error that allows for autocorrelation."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from resnext_bench.reports.stats.effects import Interval, checked, interval, t_interval
from resnext_bench.reports.stats.series import LEAST_SD, long_run_variance

Floats = NDArray[np.float64]

LEAST_DRIFT = 0.005
"""Least change over a window that matters: a slope below 0.5 % harms no comparison at a 2 %
margin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trend:
    """A straight line through the log times of a window."""

    slope_percent_per_step: float
    error_percent_per_step: float
    """Standard error of the slope, with autocorrelation allowed for."""
    drift_percent: float
    """Change by the slope from the window's first step to its last, per cent."""
    p: float
    """Two-sided probability of such a slope in steady noise."""

    def matters(self, alpha: float) -> bool:
        """Return whether the slope is both beyond chance and large enough to bias a result."""
        return self.p < alpha and abs(self.drift_percent) > 100 * LEAST_DRIFT


def detrended(values: Floats) -> Floats:
    """Return [n] values without their straight line."""
    index = np.arange(len(values)) - (len(values) - 1) / 2
    left: Floats = values - values.mean() - index * (index @ values) / (index @ index)
    return left


def fitted_trend(values: Floats) -> Trend:
    """Fit a line to log times [n] and widen its error by the residuals' autocorrelation."""
    n = len(values)
    index = np.arange(n) - (n - 1) / 2
    slope = float(index @ values / (index @ index))
    residuals = detrended(values)
    variance = max(long_run_variance(residuals, 2), LEAST_SD**2)
    error = float(np.sqrt(variance / (index @ index)))
    plain = max(float(residuals @ residuals) / (n - 2), LEAST_SD**2)
    independent = max(n * min(plain / variance, 1.0) - 2, 1.0)
    return Trend(
        slope_percent_per_step=100 * slope,
        error_percent_per_step=100 * error,
        drift_percent=100 * slope * (n - 1),
        p=float(2 * stats.t.sf(abs(slope) / error, independent)),
    )


POOLED_ALPHA = 0.005
"""Two-sided level for a trend pooled over sessions; it leaves room for `most_unsteady`."""

PRIOR_SESSIONS = 8
"""Weight of the sessions' own errors: that of the scatter of nine sessions' slopes."""

PRIOR_OF_RATIOS = 16
"""The same weight for ratios of blocks, which are nearly independent: their own errors say more."""

FEWEST_RATIOS = 3
"""Least number of pairs of blocks with which the fit of a line can be judged."""

UNSTEADY_SHARE = 0.2
"""Share of sessions, never steady, that a hostile machine explains: 10 % of its launches."""

UNSTEADY_ALPHA = 0.002
"""Rate of false alarms of `most_unsteady` on such a machine, for each comparison."""


def pooled_trend(slopes: Floats, errors: Floats | None = None) -> Interval:
    """Return the slope that sessions have in common, from slopes [sessions] in any unit.

    A single session's slope is lost in its noise. Without errors [sessions], this is Student's t
    over the slopes, which needs some ten sessions to see a trend of 0.01 % a step. With errors, it
    is the mean weighted by inverse variance, and its error is scaled by the slopes' scatter around
    it (Birge 1932), moderated towards 1 (Smyth 2004): bursts make errors too small, and four
    sessions are too few to say by how much. Simulated in `resnext_bench.lab.calibration`.
    """
    confidence = 1 - POOLED_ALPHA
    if errors is None:
        return t_interval(slopes, confidence)
    values, known = checked(slopes, 1), checked(errors, 1)
    if values.shape != known.shape or not (known > 0).all():
        raise ValueError("errors must be above 0, one for each slope")
    weights = known**-2
    mean = float(weights @ values / weights.sum())
    scatter = float(weights @ (values - mean) ** 2)
    df = len(values) - 1 + PRIOR_SESSIONS
    scale = (PRIOR_SESSIONS + scatter) / df
    return interval(mean, float(np.sqrt(scale / weights.sum())), df, confidence)


def session_trend(sides: Sequence[Trend]) -> Trend:
    """Return the trend of one session from those of its sides, which ran in turn.

    Their noise is the machine's and partly the same, so the mean's error is the mean of the errors.
    """
    slope = fmean(side.slope_percent_per_step for side in sides)
    error = fmean(side.error_percent_per_step for side in sides)
    drift = fmean(side.drift_percent for side in sides)
    return Trend(
        slope_percent_per_step=slope,
        error_percent_per_step=error,
        drift_percent=drift,
        p=float(2 * special.ndtr(-abs(slope) / error)),
    )


def trend_over_sessions(trends: Sequence[Trend]) -> Trend:
    """Return the trend of a comparison from those of its sessions, at least one.

    If `matters(POOLED_ALPHA)`, the comparison was never steady. Ask it once, at the look that ends
    a comparison: asking at each look would add false alarms.
    """
    slopes = np.array([trend.slope_percent_per_step for trend in trends])
    errors = np.array([trend.error_percent_per_step for trend in trends])
    found = pooled_trend(slopes, errors)
    drifts = np.array([trend.drift_percent for trend in trends])
    return Trend(
        slope_percent_per_step=found.estimate,
        error_percent_per_step=found.error,
        drift_percent=float(np.average(drifts, weights=errors**-2)),
        p=found.p,
    )


def trend_of_ratios(ratios: Sequence[Floats]) -> Trend:
    """Return how b moves against a within sessions, from each one's log ratios [pairs] of blocks.

    For a duet, where what the machine does to both sides cancels. A step is a pair of blocks here;
    sessions may differ in their number of pairs, and have the weight of the squared distances of
    their pairs from the middle. It is judged like `trend_over_sessions`, but all sessions share one
    noise, as ten pairs are too few to know a session's own. The drift is that of a session of mean
    length.
    """
    sessions = [checked(one, FEWEST_RATIOS) for one in ratios]
    if not sessions:
        raise ValueError("ratios of one session are needed at least")
    centred = [np.arange(len(one)) - (len(one) - 1) / 2 for one in sessions]
    weights = np.array([index @ index for index in centred])
    products = [index @ one for index, one in zip(centred, sessions, strict=True)]
    slopes = np.array(products) / weights
    left = sum(float(detrended(one) @ detrended(one)) for one in sessions)
    noise = max(left / sum(len(one) - 2 for one in sessions), LEAST_SD**2)
    slope = float(weights @ slopes / weights.sum())
    scatter = float(weights @ (slopes - slope) ** 2)
    df = len(sessions) - 1 + PRIOR_OF_RATIOS
    error = float(np.sqrt((PRIOR_OF_RATIOS * noise + scatter) / df / weights.sum()))
    return Trend(
        slope_percent_per_step=100 * slope,
        error_percent_per_step=100 * error,
        drift_percent=100 * slope * fmean(len(one) - 1 for one in sessions),
        p=float(2 * special.stdtr(df, -abs(slope) / error)),
    )


def most_unsteady(sessions: int) -> int:
    """Return how many of these sessions may be never steady, each by itself.

    A session is never steady if one of its sides is. With more such sessions the comparison is
    never steady: a hostile machine alone would cause that in less than 0.2 %.
    """
    counts = np.arange(sessions + 1)
    beyond = special.bdtrc(counts, sessions, UNSTEADY_SHARE)
    return int(np.argmax(beyond <= UNSTEADY_ALPHA))
