"""Finds slow steps among the others: how many, how slow, and whether they come every Nth time.

A loader of N processes, a garbage collection or a checkpoint make some steps several times as long
as the rest. The median does not see them, but the user pays for them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

SLOW_RATIO: Final = 1.25
"""Least ratio of a slow step to the lower quartile; it must also stand out of the scatter."""
SLOW_SDS: Final = 6.0
"""Least distance of a slow step above the lower quartile, in standard deviations."""
QUARTILES: Final = (0.05, 0.25)
"""Quantiles of the faster steps, which show what is usual: with every second step slow, the median
is neither. In a normal distribution these two lie 0.97 standard deviations apart."""
APART_SDS: Final = 0.97
FEWEST_GAPS: Final = 3
"""Least number of equal gaps that make a rhythm; on a hostile machine two of three agree by
chance."""
REGULAR: Final = 0.7
"""Share of the gaps that must be whole multiples of the period, most of them the period itself."""
FEWEST_STEPS: Final = 10
"""Least number of steps that show what is usual."""
LEAST_COST_PERCENT: Final = 1.0
"""Least cost of slow steps: below, they are not reported. Per cent by which they lengthen all steps
together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """The slow steps of one series."""

    every: int | None
    """Number of steps from one slow stretch to the next; None where they come irregularly."""
    slow: int
    """Number of slow steps."""
    steps: int
    """Number of all steps."""
    slow_ms: float
    """Mean of the slow steps, ms."""
    longest_ms: float
    middle_ms: float
    """Median of all steps, ms."""
    cost_percent: float
    """By how many per cent slow steps lengthen all steps together, compared with the other
    steps."""


def find_rhythm(step_ms: ArrayLike, places: ArrayLike | None = None) -> Rhythm | None:
    """Return the rhythm of a series [n] of step times; None where slow steps cost next to nothing.

    `places` [n] are the numbers of the steps where some between them were not kept; they default to
    0, 1, 2 …
    """
    times = np.asarray(step_ms, dtype=np.float64)
    if len(times) < FEWEST_STEPS:
        return None
    at = np.arange(len(times)) if places is None else np.asarray(places, dtype=np.int64)
    slow = slow_steps(times)
    if not slow.any():
        return None
    usual = float(times[~slow].mean())
    cost = 100 * (float(times.mean()) / usual - 1)
    if cost < LEAST_COST_PERCENT:
        return None
    return Rhythm(
        every=_period(slow, at),
        slow=int(slow.sum()),
        steps=len(times),
        slow_ms=float(times[slow].mean()),
        longest_ms=float(times.max()),
        middle_ms=float(np.median(times)),
        cost_percent=cost,
    )


def slow_steps(times: Floats) -> NDArray[np.bool_]:
    """Return which steps [n] are slow: far above the faster ones, and above their scatter."""
    lowest, low = (float(value) for value in np.quantile(times, QUARTILES))
    above = max(SLOW_RATIO * low, low + SLOW_SDS * (low - lowest) / APART_SDS)
    found: NDArray[np.bool_] = times > above
    return found


def whole_periods(steps: int, every: int) -> int:
    """Return the least number of steps, `steps` or more, that holds whole periods.

    A block is preceded by one step that is not counted. So the phase moves on by one from block to
    block, and it is not always a slow step that is not counted.
    """
    return -(-steps // every) * every


def _period(slow: NDArray[np.bool_], at: NDArray[np.int64]) -> int | None:
    """Return the period of stretches of slow steps, in steps; None where there is none."""
    begins = at[slow & ~np.concatenate(([False], slow[:-1] & (np.diff(at) == 1)))]
    if len(begins) <= FEWEST_GAPS:
        return None
    gaps = np.diff(begins)
    values, counts = np.unique(gaps, return_counts=True)
    every = int(values[np.argmax(counts)])
    whole = gaps % every == 0
    agree = counts.max() >= max(FEWEST_GAPS, REGULAR / 2 * len(gaps))
    return every if every > 1 and agree and whole.mean() >= REGULAR else None
