"""Whether what a script has written can be step times in ns at all.

A wrong unit is a factor of 1000. Nothing can be said for certain against such a number, but the
wall clock, the other side and earlier launches can make it implausible; then it does not count.
"""

from collections.abc import Sequence
from math import exp, log
from statistics import median
from typing import Final

import numpy as np

from resnext_bench.reports.schema.comparison import Pair

LEAST_SHARE: Final = 0.002
"""Of what a launch took: µs for ns make up 0.1 % at most, and some write twice."""
MOST_SHARE: Final = 10.0
"""Several ranks that all write reach their number; ps for ns reach more."""
LEAST_FACTOR: Final = 316.0
"""From here on, up or down, a difference looks like another unit: the root of 10^5."""


DOUBTFUL: Final = (
    "the steps add up to more than the launch took: are they ns, one line a step, and does only "
    "one process write them?"
)


def doubts_of_launch(step_ns: Sequence[int], lasted_s: float) -> tuple[str, ...]:
    """Why a launch cannot count, judged by its own length alone."""
    sum_s = sum(step_ns) / 1e9
    took = f"of a launch that took {_seconds(lasted_s)}"
    if sum_s < LEAST_SHARE * lasted_s:
        words = "are they ns? (if they are, let it take more steps)"
    elif sum_s > MOST_SHARE * lasted_s:
        words = "are they ns, one line a step, of one rank?"
    else:
        return ()
    return (f"all {len(step_ns)} steps add up to {_seconds(sum_s)} {took}: {words}",)


def notes_of_launch(
    step_ns: Sequence[int], lasted_s: float, margin_percent: float
) -> tuple[str, ...]:
    """What does not keep a launch from counting, but should be known."""
    doubtful = lasted_s < sum(step_ns) / 1e9 <= MOST_SHARE * lasted_s
    return (*((DOUBTFUL,) if doubtful else ()), *_coarse(step_ns, margin_percent))


def _coarse(step_ns: Sequence[int], margin_percent: float) -> tuple[str, ...]:
    """A clock whose ticks are long beside the margin: 9 and 10 ms, or the same number always."""
    tick = int(np.gcd.reduce(np.array(step_ns, dtype=np.int64)))
    share = 100 * tick / median(step_ns)
    if share <= margin_percent / 2:
        return ()
    few = len(set(step_ns))
    told = "all steps are equally long"
    if few > 1:
        told = f"all steps are multiples of {tick:,} ns, which is {share:.2g} % of one"
    return (f"{told}: the clock is too coarse for a margin of {margin_percent:g} %",)


def doubts_of_sides(
    typical_ms: tuple[float, float], sums_s: tuple[float, float], lasted_s: tuple[float, float]
) -> tuple[str, ...]:
    """Why both launches of a session cannot count: their units seem not to be the same.

    A change as large may be real. It is, where the shorter side's steps would not fit into its
    launch if they were as long as the other's.
    """
    a_ms, b_ms = typical_ms
    factor, shorter = max(a_ms, b_ms) / min(a_ms, b_ms), int(b_ms < a_ms)
    if factor < LEAST_FACTOR or sums_s[shorter] * factor > MOST_SHARE * lasted_s[shorter]:
        return ()
    both = f"a step takes {_ms(a_ms)} on a and {_ms(b_ms)} on b"
    return (f"{both}, a factor of {_factor(factor)}: are both in ns?",)


def doubts_of_earlier(typical_ms: tuple[float, float], earlier: Sequence[Pair]) -> tuple[str, ...]:
    """Why a session cannot count that is nothing like the earlier ones of the same side."""
    told = []
    valid = [pair for pair in earlier if not pair.invalid]
    for place, name in enumerate("ab" if valid else ""):
        before = exp(median(log(pair.step_ms[place]) for pair in valid))
        factor = max(before, typical_ms[place]) / min(before, typical_ms[place])
        if factor >= LEAST_FACTOR:
            told.append(
                f"a step of {name} takes {_ms(typical_ms[place])}, and took {_ms(before)} in "
                f"earlier launches, a factor of {_factor(factor)}: are all in ns?"
            )
    return tuple(told)


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1e-3 else _ms(1e3 * value)


def _ms(value: float) -> str:
    """In a unit that leaves no zeros to be counted."""
    for unit, size in (("s", 1e3), ("ms", 1.0), ("µs", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{1e6 * value:.3g} ns"


def _factor(value: float) -> str:
    return f"{float(f'{value:.2g}'):,.0f}"
