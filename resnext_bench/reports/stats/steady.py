"""Finds where a series of step times becomes steady, or that it never does.

Three things are told apart on log times: a level (steady), a level after others (warm-up, cut away)
and a slope or a late jump (never steady). Spikes are pulled in first, and noise is scaled by its
long-run variance: neighbouring steps resemble each other on every real machine, and a method that
takes them as independent finds change points in plain noise.

Simulated with the noise profiles of the tests, "never steady" in % of fresh series of 30 / 100 /
300 steps: quiet 0.9 / 0.4 / 0.0, shared 1.6 / 0.9 / 0.4, and with a trend of 0.01 % a step on quiet
1 / 42 / 100 (85 at 150 steps, 96 at 200). A 1 % drift over 100 steps is hardly larger than the
noise: a test that knew the noise exactly would find 70 % at this level of false alarms, so short
sessions should be judged together.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from resnext_bench.reports.stats.series import (
    LEAST_SD,
    around_two_levels,
    levels,
    long_run_variance,
    robust_sd,
    segment_starts,
)
from resnext_bench.reports.stats.trend import Trend, detrended, fitted_trend

Floats = NDArray[np.float64]

FEWEST_STEPS = 10
"""Least number of steps that can be judged."""

REACH_SD = 4.0
"""Distance from their neighbours, in robust standard deviations, to which spikes are pulled
back."""

PENALTY = 2.5
"""Cost of one more level, in units of log(steps) times the long-run variance."""

STEP_BONUS = 2.5
"""By how many noise variances a slope may fit worse than a jump, which is placed where it fits
best."""

LEVEL_TOLERANCE = 0.003
"""Distance from the later level (0.003 is 0.3 %) within which a first stretch is no warm-up."""

TREND_ALPHA = 0.005
"""Two-sided level of the slope test."""

SECOND_LOOK_ALPHA = 0.001
"""Two-sided level of the slope test after a warm-up was cut: a second look at the same series must
not double the false alarms."""

LARGE_JUMP = 0.06
"""Jump after the middle (0.06 is 6 %) above which a series is not steady: it is more than a burst
of a neighbour on the machine."""

_MOST_CELLS = 1000
_NEIGHBOURS = 9


Cause = Literal["", "few_steps", "jump", "drift"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Steady:
    """Whether and where a series of step times became steady."""

    cut: int
    """Number of steps to drop at the front, at most half; 0 where it never became steady."""
    judged: bool
    """Whether there were enough steps to judge."""
    is_steady: bool
    """Whether it was judged, and found steady after the cut."""
    cause: Cause
    """What kept it from being steady; empty where nothing did."""
    why: str
    """One line that explains the result."""
    trend: Trend | None
    """Slope of what is left after the cut, or the one that was found; None where it was not
    judged."""

    @property
    def never_steady(self) -> bool:
        """Whether it was judged and never found steady: then it must not be used for a verdict."""
        return self.judged and not self.is_steady


def steady(step_ms: Floats) -> Steady:
    """Judge a series of step times [steps] in any unit of time, as only ratios count.

    Pass the slowest rank's time of each step, or one rank's; all must be finite and positive.
    """
    times = np.asarray(step_ms, dtype=np.float64)
    if times.ndim != 1 or not (np.isfinite(times).all() and (times > 0).all()):
        raise ValueError("step times must be one row of finite positive numbers")
    if len(times) < FEWEST_STEPS:
        why = f"{len(times)} steps are too few to tell (at least {FEWEST_STEPS} are needed)"
        return Steady(cut=0, judged=False, is_steady=False, cause="few_steps", why=why, trend=None)
    return _judged(np.log(times))


def _judged(log_times: Floats) -> Steady:
    outliers = _leading_outliers(log_times)
    rest = _pulled_in(log_times[outliers:])
    starts, variance = _stretches(rest)
    whole = fitted_trend(rest)
    if whole.matters(TREND_ALPHA) and _is_slope(rest, starts, variance):
        return _never(whole)
    jump = _late_jump(rest, starts)
    line = float(np.sum(detrended(rest) ** 2))
    if abs(jump) > LARGE_JUMP and whole.matters(TREND_ALPHA) and line < around_two_levels(rest):
        return _never(whole)  # it rises in many small jumps
    if abs(jump) > LARGE_JUMP:
        why = f"never steady: step time jumps by {100 * np.expm1(jump):+.0f} % after the middle"
        return Steady(cut=0, judged=True, is_steady=False, cause="jump", why=why, trend=whole)
    cut = _warm_up(rest, starts)
    kept = fitted_trend(rest[cut:])
    if cut and kept.matters(SECOND_LOOK_ALPHA) and _is_slope(rest[cut:], *_stretches(rest[cut:])):
        return _never(kept)
    return _found(min(outliers + cut, len(log_times) // 2), len(log_times), kept)


def _found(cut: int, steps: int, trend: Trend) -> Steady:
    why = f"steady from the start ({steps} steps)"
    if cut:
        why = f"steady after {cut} of {steps} steps"
    return Steady(cut=cut, judged=True, is_steady=True, cause="", why=why, trend=trend)


def _never(trend: Trend) -> Steady:
    why = (
        f"never steady: step time moves by {trend.slope_percent_per_step:+.3g} % a step, "
        f"{trend.drift_percent:+.1f} % over the window"
    )
    return Steady(cut=0, judged=True, is_steady=False, cause="drift", why=why, trend=trend)


def _later_half(log_times: Floats) -> Floats:
    return log_times[len(log_times) // 2 :]


def _leading_outliers(log_times: Floats) -> int:
    """Count the first steps far off, too few for a stretch, as by autotuning or allocation."""
    later = _later_half(log_times)
    reach = REACH_SD * max(robust_sd(later), LEVEL_TOLERANCE)
    inside = np.abs(log_times[:_NEIGHBOURS] - np.median(later)) <= reach
    return int(np.argmax(inside)) if inside.any() else len(inside) // 2


def _pulled_in(log_times: Floats) -> Floats:
    """Pull spikes in towards their neighbours' median, which keeps levels and slopes."""
    around = median_filter(log_times, _NEIGHBOURS, mode="mirror")
    reach = REACH_SD * max(robust_sd(log_times - around), LEAST_SD)
    return np.clip(log_times, around - reach, around + reach)


def _stretches(values: Floats) -> tuple[list[int], float]:
    """Return where levels begin, and the long-run variance with which they were found."""
    variance = max(long_run_variance(detrended(_later_half(values)), 2), LEAST_SD**2)
    size = -(-len(values) // _MOST_CELLS)
    cells = len(values) // size
    means = values[len(values) - cells * size :].reshape(cells, size).mean(axis=1)
    penalty = PENALTY * float(np.log(len(values))) * variance / size
    offset = len(values) - cells * size
    starts = segment_starts(means, penalty)
    return [0, *(offset + start * size for start in starts[1:])], variance


def _is_slope(values: Floats, starts: list[int], variance: float) -> bool:
    """Return whether a slope fits the series better than levels do, many or just two."""
    line = float(np.sum(detrended(values) ** 2)) - STEP_BONUS * variance
    many = float(np.sum((values - levels(values, starts)) ** 2))
    price = PENALTY * float(np.log(len(values))) * variance * max(len(starts) - 2, 0)
    return line < min(many + price, around_two_levels(values))


def _late_jump(values: Floats, starts: list[int]) -> float:
    """Return how far the last level lies from the one at the middle, as a log ratio."""
    level = levels(values, starts)
    return float(level[-1] - level[len(values) // 2])


def _warm_up(values: Floats, starts: list[int]) -> int:
    """Count the steps of the first stretches whose level is not yet that of the later half."""
    level = levels(values, starts)
    later = float(np.median(_later_half(values)))
    for start in starts:
        if start > len(values) // 2:
            break
        if abs(level[start] - later) <= LEVEL_TOLERANCE:
            return start
    return max(start for start in starts if start <= len(values) // 2)
