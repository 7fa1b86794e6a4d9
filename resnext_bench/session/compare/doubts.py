"""Checks whether what a script has written can be step times in ns at all.

A wrong unit is a factor of 1000. Nothing can be said for certain against such a number, but the
wall clock, the other side and earlier launches can make it implausible; then it does not count.
"""

from collections.abc import Sequence
from math import exp, log
from statistics import median
from typing import Final

import numpy as np

from resnext_bench.reports.schema.comparison import Pair
from resnext_bench.reports.schema.notes import Note, note

LEAST_SHARE: Final = 0.002
"""Least share of a launch that its step times must fill: µs instead of ns add up to 0.1 % at most,
and some write twice."""
MOST_SHARE: Final = 10.0
"""Largest multiple of a launch that step times may add up to: ranks that all write reach their
number, ps instead of ns more."""
LEAST_FACTOR: Final = 316.0
"""Factor, up or down, from which on a difference looks like another unit: the root of 10^5."""


def doubts_of_launch(step_ns: Sequence[int], lasted_s: float) -> tuple[Note, ...]:
    """Return why a launch cannot count, judged by its own length alone."""
    steps, sum_s = len(step_ns), sum(step_ns) / 1e9
    if sum_s < LEAST_SHARE * lasted_s:
        return (note("steps_too_short", steps=steps, sum_s=sum_s, lasted_s=lasted_s),)
    if sum_s > MOST_SHARE * lasted_s:
        return (note("steps_too_long", steps=steps, sum_s=sum_s, lasted_s=lasted_s),)
    return ()


def notes_of_launch(
    step_ns: Sequence[int], lasted_s: float, margin_percent: float
) -> tuple[Note, ...]:
    """Return what does not keep a launch from counting, but should be known."""
    doubtful = lasted_s < sum(step_ns) / 1e9 <= MOST_SHARE * lasted_s
    exceed = (note("steps_exceed_launch"),) if doubtful else ()
    return (*exceed, *_coarse(step_ns, margin_percent))


def _coarse(step_ns: Sequence[int], margin_percent: float) -> tuple[Note, ...]:
    """Find a clock whose ticks are too long for the margin: 9 and 10 ms, or always the same."""
    tick = int(np.gcd.reduce(np.array(step_ns, dtype=np.int64)))
    share = 100 * tick / median(step_ns)
    if share <= margin_percent / 2:
        return ()
    lengths = len(set(step_ns))
    coarse = note(
        "clock_too_coarse", tick_ns=tick, percent=share, lengths=lengths, margin=margin_percent
    )
    return (coarse,)


def doubts_of_sides(
    typical_ms: tuple[float, float], sums_s: tuple[float, float], lasted_s: tuple[float, float]
) -> tuple[Note, ...]:
    """Return why both launches of a session cannot count: their units seem to differ.

    A change as large may be real. It is, where the shorter side's steps would not fit into its
    launch if they were as long as the other's.
    """
    a_ms, b_ms = typical_ms
    factor, shorter = max(a_ms, b_ms) / min(a_ms, b_ms), int(b_ms < a_ms)
    if factor < LEAST_FACTOR or sums_s[shorter] * factor > MOST_SHARE * lasted_s[shorter]:
        return ()
    return (note("sides_in_other_units", a_ms=a_ms, b_ms=b_ms, factor=factor),)


def doubts_of_earlier(typical_ms: tuple[float, float], earlier: Sequence[Pair]) -> tuple[Note, ...]:
    """Return why a session cannot count that is very unlike earlier ones of the same side."""
    told = []
    valid = [pair for pair in earlier if not pair.invalid]
    for place, name in enumerate("ab" if valid else ""):
        before = exp(median(log(pair.step_ms[place]) for pair in valid))
        factor = max(before, typical_ms[place]) / min(before, typical_ms[place])
        if factor >= LEAST_FACTOR:
            values = {"now_ms": typical_ms[place], "before_ms": before, "factor": factor}
            told.append(note("unlike_earlier", of=name, **values))
    return tuple(told)
