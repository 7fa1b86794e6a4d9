"""A series of log times: its noise, and the stretches of one level that it consists of.

The noise allows for spikes and autocorrelation. Stretches are found by optimal partitioning, least
squares.
"""

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


def segment_starts(values: Floats, penalty: float, shortest: int = 3) -> list[int]:
    """Return where each level of [n] values begins, 0 first; stretches have >= `shortest` values.

    The squared distance to the levels plus `penalty` for each stretch is least (Jackson et al.
    2005). It is exact, and takes O(n²) additions in n vector operations: for up to about 1000
    values.
    """
    n = len(values)
    if n < 2 * shortest:
        return [0]
    sums = np.concatenate(([0.0], np.cumsum(values - values.mean())))
    squares = np.concatenate(([0.0], np.cumsum((values - values.mean()) ** 2)))
    best = np.full(n + 1, np.inf)
    best[0] = 0.0
    came_from = np.zeros(n + 1, dtype=np.int64)
    lengths = np.arange(n, 0, -1, dtype=np.float64)
    for end in range(shortest, n + 1):
        starts = slice(0, end - shortest + 1)
        spread = sums[end] - sums[starts]
        cost = best[starts] - squares[starts] - spread**2 / lengths[n - end :][starts]
        first = int(np.argmin(cost))
        best[end] = cost[first] + squares[end] + penalty
        came_from[end] = first
    return _walked_back(came_from, n)


def _walked_back(came_from: NDArray[np.int64], end: int) -> list[int]:
    starts: list[int] = []
    while end > 0:
        end = int(came_from[end])
        starts.append(end)
    return starts[::-1]


def levels(values: Floats, starts: list[int]) -> Floats:
    """Return the level of each of [n] values: the mean of its stretch."""
    lengths = np.diff([*starts, len(values)])
    means = np.add.reduceat(values, starts) / lengths
    return np.repeat(means, lengths)


def around_two_levels(values: Floats) -> float:
    """Return the squared distance of [n] values to the two levels that fit them best."""
    centred = values - values.mean()
    before = np.arange(1, len(values))
    gain = np.cumsum(centred)[:-1] ** 2 * (1 / before + 1 / (len(values) - before))
    return float(centred @ centred - gain.max())
