"""The noise of a series of log times, with spikes and autocorrelation allowed for."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAD_TO_SD = 1.4826
"""Factor from the median absolute deviation to the standard deviation of a normal sample."""

LEAST_SD = 1e-4
"""Least standard deviation of log times, 0.01 %: clocks are coarse, and equal steps have no
noise."""

PRIOR_AR, PRIOR_STEPS = 0.7, 10
"""Autocorrelation assumed beforehand, as on a shared machine, with the weight of so many steps: a
short series says little about its own."""

_MAX_AR = 0.9


def robust_sd(values: Floats) -> float:
    """Return 1.4826·MAD of [n] values: the standard deviation without its outliers."""
    return float(MAD_TO_SD * np.median(np.abs(values - np.median(values))))


def ar_of_residuals(residuals: Floats, fitted: int) -> float:
    """Return the lag-1 autocorrelation of [n] residuals, 0 to 0.9, corrected for its bias.

    Short series understate it by about (1 + fitted + (2 + fitted)·φ)/n (Kendall 1954 for a fitted
    mean); without the correction, they would show false change points.
    """
    power = float(residuals @ residuals)
    if power == 0.0:
        return 0.0
    plain = float(residuals[1:] @ residuals[:-1]) / power
    n = len(residuals)
    unbiased = (n * plain + fitted) / max(n - 2.0 - fitted, 1.0)
    shrunk = (n * unbiased + PRIOR_STEPS * PRIOR_AR) / (n + PRIOR_STEPS)
    return float(np.clip(shrunk, 0.0, _MAX_AR))


def long_run_variance(residuals: Floats, fitted: int) -> float:
    """Return k times the variance of a mean of k values, if [n] residuals are AR(1).

    `fitted` is the number of parameters already taken out of the residuals.
    """
    ar = ar_of_residuals(residuals, fitted)
    variance = float(residuals @ residuals) / max(len(residuals) - fitted, 1)
    return variance * (1 + ar) / (1 - ar)
