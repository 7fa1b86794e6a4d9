"""Slow steps among the others: how many, how slow, and whether they come every Nth time.

A loader of N processes, a garbage collection or a checkpoint make some steps several times as long
as the rest. The median does not see them; the user pays for them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

SLOW_RATIO: Final = 1.25
"""A step is slow that takes so many times the lower quartile, and stands out of the scatter."""
SLOW_SDS: Final = 6.0
"""Above the lower quartile, in standard deviations."""
QUARTILES: Final = (0.05, 0.25)
"""What is usual is read off the faster steps: with every second step slow, the median is neither
the one nor the other. In a normal distribution these lie 0.97 standard deviations apart."""
APART_SDS: Final = 0.97
FEWEST_GAPS: Final = 3
"""Equal gaps that make a rhythm; two of three agree by chance on a hostile machine."""
REGULAR: Final = 0.7
"""Share of the gaps that must be whole multiples of the period, most of them the period itself."""
FEWEST_STEPS: Final = 10
"""Of fewer nobody knows what is usual."""
LEAST_COST_PERCENT: Final = 1.0
"""Slow steps that lengthen all steps together by less are not worth a word."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """The slow steps of one series."""

    every: int | None
    """Steps from one slow stretch to the next; None where they come irregularly."""
    slow: int
    """Slow steps."""
    steps: int
    """All steps."""
    slow_ms: float
    """Mean of the slow ones."""
    longest_ms: float
    middle_ms: float
    """Median of all."""
    cost_percent: float
    """By how much they lengthen all steps together, were they like the rest otherwise."""


def find_rhythm(step_ms: ArrayLike, places: ArrayLike | None = None) -> Rhythm | None:
    """Return the rhythm of a series [n] of step times; None where slow steps cost next to nothing.

    `places` [n] are the numbers of the steps where some between them were not kept; they default
    to 0, 1, 2 …
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
    """Return which steps [n] stand out: far above the faster ones, and above their scatter."""
    lowest, low = (float(value) for value in np.quantile(times, QUARTILES))
    above = max(SLOW_RATIO * low, low + SLOW_SDS * (low - lowest) / APART_SDS)
    found: NDArray[np.bool_] = times > above
    return found


def whole_periods(steps: int, every: int) -> int:
    """Return the least number of steps from `steps` on that holds whole periods.

    A block is preceded by one step that is not counted, so that the phase moves on by one from
    block to block, and no slow step falls on the uncounted one each time.
    """
    return -(-steps // every) * every


def _period(slow: NDArray[np.bool_], at: NDArray[np.int64]) -> int | None:
    """Return the distance at which stretches of slow steps begin; None where there is none."""
    begins = at[slow & ~np.concatenate(([False], slow[:-1] & (np.diff(at) == 1)))]
    if len(begins) <= FEWEST_GAPS:
        return None
    gaps = np.diff(begins)
    values, counts = np.unique(gaps, return_counts=True)
    every = int(values[np.argmax(counts)])
    whole = gaps % every == 0
    agree = counts.max() >= max(FEWEST_GAPS, REGULAR / 2 * len(gaps))
    return every if every > 1 and agree and whole.mean() >= REGULAR else None
