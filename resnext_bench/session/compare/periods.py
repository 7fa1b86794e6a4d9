"""How long blocks are made where slow steps are periodic, and the note on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import Final

from resnext_bench.reports.schema.notes import Note, note
from resnext_bench.reports.schema.sessions import SlowSteps
from resnext_bench.reports.stats.rhythm import whole_periods

LONGEST_BLOCK_S: Final = 5.0
"""Blocks are made as long as whole periods of slow steps up to this length; the two sides of longer
blocks would see less of the same moments.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """The counted steps of later blocks."""

    steps: int
    note: Note | None = None
    """A note where they change, or should change and must not."""


def fit_blocks(
    slow: Sequence[SlowSteps | None],
    *,
    now: int,
    least: int,
    most: int,
    session: int,
) -> Fitted:
    """Fit blocks of `now` steps to the slow steps that `session` has shown.

    They become the fewest steps, from `least` to `most`, that hold whole periods. So a period that
    was seen by mistake is forgotten when the next one is seen.
    """
    periods = sorted({one.every for one in slow if one and one.every})
    if not periods:
        return Fitted(steps=now)
    wanted = whole_periods(least, lcm(*periods))
    if wanted == now:
        return Fitted(steps=now)
    come = tuple(periods)
    if wanted <= most:
        longer = note("blocks_fitted", periods=come, steps=wanted, session=session + 1)
        return Fitted(steps=wanted, note=longer)
    if now % lcm(*periods) == 0:
        return Fitted(steps=now)
    return Fitted(steps=now, note=note("blocks_unfit", periods=come, steps=now, wanted=wanted))


def most_steps(step_ms: float) -> int:
    """Return the most steps of a block, limited by how long it lasts."""
    return int(1e3 * LONGEST_BLOCK_S / step_ms) if step_ms > 0 else 0
