"""Names ranks for which the others wait: by how much, and whether chance alone could do that.

Steps of one training are paired: what slows a step on all ranks is no rank's fault. So a rank is
compared with the median of the other ranks in that same step, as a log ratio of the times that they
need by themselves. Its skew is the mean of these over the steps. The scatter that it has to exceed
comes from how the ratios vary from step to step, on all ranks together or on its own, whichever is
larger: a rank that is slow once is not a slow rank. What its own few steps tell of its scatter is
believed no more than so few tell: a rank that scatters far more than the others, and whose three
steps happen to be alike, is not named for it. Steps that follow one another resemble one another,
which the scatter allows for.

All ranks and steps share one small error (Bonferroni): among 64 ranks one is always the slowest.
"""

from dataclasses import dataclass
from math import inf, log1p
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from resnext_bench.reports.stats.series import LEAST_SD, MAD_TO_SD, PRIOR_AR, PRIOR_STEPS

Floats = NDArray[np.float64]

ALPHA: Final = 0.001
"""Probability that any rank is named without being slower, over all ranks of a report; likewise
that any rank is named in any single step."""
MARGIN_LOG: Final = log1p(0.01)
"""A rank that is slower by less is not worth naming: devices of one model differ by as much."""
_SCATTERED: Final = 4
"""Ranks that may scatter far more than the others without more than ALPHA of false alarms: where
more do, these make up the scatter of all ranks together."""
_MAX_AR: Final = 0.9
_MAD_EFFICIENCY: Final = 0.37
"""A median absolute deviation tells as much as a standard deviation of so many of its values."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Skews:
    """By how much each rank is slower than the others, as log ratios."""

    skew: Floats
    """Of each rank, the mean over steps [ranks]."""
    scatter: Floats
    """What its skew must exceed [ranks]; infinite where there are too few steps to tell."""
    in_steps: Floats
    """Of each rank in each step [ranks, steps]."""
    scatter_in_step: float
    """What the skew in a single step must exceed; infinite likewise."""

    @property
    def named(self) -> NDArray[np.intp]:
        """Ranks that are slower than the others, the slowest first."""
        worth = (self.skew > self.scatter) & (self.skew > MARGIN_LOG)
        found = np.flatnonzero(worth)
        return found[np.argsort(-self.skew[found], kind="stable")]

    @property
    def named_in_steps(self) -> NDArray[np.intp]:
        """Of each step the rank that was slower than the others; -1: none was [steps]."""
        worst = self.in_steps.argmax(axis=0)
        most = self.in_steps.max(axis=0)
        return np.where(most > max(self.scatter_in_step, MARGIN_LOG), worst, -1)

    @property
    def smallest(self) -> float:
        """Return the least skew for which each rank would be named."""
        return max(float(self.scatter.max()), MARGIN_LOG)


def skews(own: ArrayLike) -> Skews:
    """Return them of the times that ranks need by themselves [ranks, steps], all positive.

    Raises ValueError where there are fewer than two ranks, or no step.
    """
    times = np.asarray(own, dtype=np.float64)
    if times.ndim != 2 or len(times) < 2 or not times.size or not (times > 0).all():
        raise ValueError("times must be a table [2 or more ranks, steps] of positive numbers")
    in_steps = _against_others(np.log(times))
    skew = in_steps.mean(axis=1)
    residuals = in_steps - skew[:, np.newaxis]
    return Skews(
        skew=skew,
        scatter=_scatter(residuals),
        in_steps=in_steps,
        scatter_in_step=_scatter_in_step(residuals),
    )


def beyond_others(times: ArrayLike) -> Floats:
    """Return by how much each rank [ranks, ...] exceeds the median of the others."""
    return _against_others(np.asarray(times, dtype=np.float64))


def _against_others(values: Floats) -> Floats:
    """Return each row less the median of all others.

    Of the sorted values the others' median is that of one value fewer: which, says only whether the
    row's own lies below, in or above the middle.
    """
    count = len(values)
    ordered = np.sort(values, axis=0)
    place = np.argsort(np.argsort(values, axis=0, kind="stable"), axis=0, kind="stable")

    def others(at: int) -> Floats:
        picked: Floats = np.where(place <= at, ordered[at + 1], ordered[at])
        return picked

    low, high = (count - 2) // 2, (count - 1) // 2
    return values - (others(low) + others(high)) / 2


def _scatter(residuals: Floats) -> Floats:
    """Return what a mean over the steps must exceed [ranks], from the ratios around their means."""
    ranks, steps = residuals.shape
    if steps < 2:
        return np.full(ranks, inf)
    ar = _autocorrelation(residuals)
    longer = (1 + ar) / (1 - ar)
    own = (residuals**2).sum(axis=1) / (steps - 1)
    together = float(special.stdtrit((ranks - 1) * (steps - 1), 1 - ALPHA / ranks))
    alone = float(special.stdtrit(steps - 1, 1 - ALPHA / min(ranks, _SCATTERED)))
    error, of_all = (
        np.sqrt(np.maximum(variance, LEAST_SD**2) * longer / steps)
        for variance in (own, own.mean())
    )
    scatter: Floats = np.maximum(max(alone, together) * error, together * of_all)
    return scatter


def _autocorrelation(residuals: Floats) -> float:
    """Return that of one step with the next, of all ranks together, 0 to 0.9.

    As in `series`: corrected for its bias in short series, and drawn towards what a shared machine
    has where little is known.
    """
    ranks, steps = residuals.shape
    power = float((residuals**2).sum())
    if power == 0.0:
        return 0.0
    plain = float((residuals[:, 1:] * residuals[:, :-1]).sum()) / power
    unbiased = (steps * plain + 1) / max(steps - 3.0, 1.0)
    known = (ranks - 1) * steps
    shrunk = (known * unbiased + PRIOR_STEPS * PRIOR_AR) / (known + PRIOR_STEPS)
    return float(np.clip(shrunk, 0.0, _MAX_AR))


def _scatter_in_step(residuals: Floats) -> float:
    """Return what any rank in any step must exceed; a few odd steps do not raise it."""
    ranks, steps = residuals.shape
    if steps < 2:
        return inf
    sd = MAD_TO_SD * float(np.median(np.abs(residuals))) * np.sqrt(steps / (steps - 1))
    freedom = max(_MAD_EFFICIENCY * (ranks - 1) * (steps - 1), 1.0)
    critical = float(special.stdtrit(freedom, 1 - ALPHA / residuals.size))
    return critical * max(float(sd), LEAST_SD)
