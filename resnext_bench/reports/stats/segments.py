"""Cuts a series into stretches of one level each: optimal partitioning, least squares."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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
