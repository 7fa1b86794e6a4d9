"""A straight line through log times, with an error that allows for autocorrelation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from reports.stats.effects import Interval, t_interval
from reports.stats.noise import LEAST_SD, long_run_variance

Floats = NDArray[np.float64]

LEAST_DRIFT = 0.005
"""A slope that moves the window by less than 0.5 % harms no comparison at a 2 % margin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trend:
    """A straight line through the log times of a window."""

    slope_percent_per_step: float
    error_percent_per_step: float
    """Standard error of the slope, autocorrelation included."""
    drift_percent: float
    """What the slope adds up to from the window's first step to its last."""
    p: float
    """Two-sided probability of such a slope in steady noise."""

    def matters(self, alpha: float) -> bool:
        """Whether the slope is both beyond chance and large enough to bias a result."""
        return self.p < alpha and abs(self.drift_percent) > 100 * LEAST_DRIFT


def detrended(values: Floats) -> Floats:
    """Return what a straight line leaves of [n] values."""
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


POOLED_CONFIDENCE = 0.995


def pooled_trend(slopes: Floats) -> Interval:
    """Return the mean slope over sessions [sessions] by Student's t over them.

    One session's slope is lost in its noise; the sessions' own scatter says how far each errs.
    """
    return t_interval(slopes, POOLED_CONFIDENCE)
