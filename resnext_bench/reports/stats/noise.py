"""How noisy a series of log times is, once spikes and autocorrelation are allowed for."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAD_TO_SD = 1.4826
"""The median absolute deviation times this is the standard deviation of a normal sample."""

LEAST_SD = 1e-4
"""Log times are not trusted below 0.01 %: clocks are coarse, and equal steps have no noise."""

PRIOR_AR, PRIOR_STEPS = 0.7, 10
"""What a shared machine shows, counted as ten steps: a short series says little about it."""

_MAX_AR = 0.9


def robust_sd(values: Floats) -> float:
    """Return 1.4826·MAD of [n] values: the standard deviation without its outliers."""
    return float(MAD_TO_SD * np.median(np.abs(values - np.median(values))))


def ar_of_residuals(residuals: Floats, fitted: int) -> float:
    """Return the lag-1 autocorrelation of [n] residuals, 0 to 0.9, corrected for its bias.

    Short series understate it by about (1 + fitted + (2 + fitted)·φ)/n (Kendall 1954 for a
    fitted mean); what is left uncorrected would pass for change points.
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
    """Return the variance a mean of k values has, times k, were [n] residuals AR(1).

    `fitted` counts the parameters already taken out of the residuals.
    """
    ar = ar_of_residuals(residuals, fitted)
    variance = float(residuals @ residuals) / max(len(residuals) - fitted, 1)
    return variance * (1 + ar) / (1 - ar)
