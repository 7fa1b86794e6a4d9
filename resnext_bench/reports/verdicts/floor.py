"""The noise floor of a machine, from comparisons of a thing with itself."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.figures.notes import by_kind, facts_of
from resnext_bench.reports.schema.comparison import Comparison, Design, Pair
from resnext_bench.reports.schema.floor import Floor, Noise
from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.stats.effects import (
    Interval,
    ordered_interval,
    t_interval,
    to_percent,
    welch_interval,
)
from resnext_bench.reports.stats.looks import plan_looks
from resnext_bench.reports.stats.power import sessions_needed, smallest_detectable
from resnext_bench.reports.stats.verdict import MIDDLE_SHARE
from resnext_bench.reports.verdicts.judge import CONFIDENCE, counted, effects_of, range_of

Floats = NDArray[np.float64]

SESSIONS = (5, 10, 20)
CHANGES = (0.01, 0.02, 0.05)
FEWEST = 3
"""Fewest sessions of a design that must count: with less, noise and effect of order are not
known."""
DEFAULT_PLAN = plan_looks(26)
"""The looks of `compare` by default."""


class TooFew(ValueError):
    """Too few sessions count; the message says how many, and why."""


Say = Callable[[Note], str]
"""Puts a note into words."""


def floor_of(duet: Comparison, relaunch: Comparison, say: Say) -> Floor:
    """Return the noise floor from an A/A comparison of each design, taken in turn.

    Raises TooFew where fewer than `FEWEST` sessions of one of them count.
    """
    for record in (duet, relaunch):
        _require_enough(record)
    quiet = [pair.quiet_percent for pair in duet.pairs if pair.quiet_percent is not None]
    levels = welch_interval(_levels(relaunch), _levels(duet), CONFIDENCE)
    return Floor(
        duet=_noise(duet, say),
        relaunch=_noise(relaunch, say),
        contamination=range_of(levels),
        quiet_percent=max(quiet, default=0.0),
    )


def _require_enough(record: Comparison) -> None:
    valid = counted(record.pairs)
    orders = {pair.order for pair in valid}
    if len(valid) >= FEWEST and (record.design == "duet" or len(orders) == 2):
        return
    needed = f"{FEWEST} are needed" + ("" if record.design == "duet" else ", in both orders")
    reasons = [reason for pair in record.pairs for reason in pair.invalid]
    why = f"; the first reason: {reasons[0]}" if reasons else ""
    raise TooFew(
        f"{len(valid)} of {len(record.pairs)} sessions ({record.design}) count, and {needed}{why}"
    )


def _noise(record: Comparison, say: Say) -> Noise:
    valid = counted(record.pairs)
    effect = _effect(valid, record.design)
    sd = effect.error * float(np.sqrt(len(valid)))
    spent = len(valid) - effect.df
    return Noise(
        id=record.id,
        design=record.design,
        notes=_notes(record, say),
        sessions=len(valid),
        invalid=len(record.pairs) - len(valid),
        sd_percent=to_percent(sd),
        effect=range_of(effect),
        order=record.order_effect,
        detectable_percent={
            count: to_percent(
                smallest_detectable(
                    sd / float(np.sqrt(count)),
                    MIDDLE_SHARE * plan_looks(count).alphas[-1],
                    count - spent,
                )
            )
            for count in SESSIONS
        },
        needed={
            change: sessions_needed(
                sd, 0, float(np.log1p(change)), MIDDLE_SHARE * DEFAULT_PLAN.alphas[-1]
            )
            for change in CHANGES
        },
    )


def _notes(record: Comparison, say: Say) -> tuple[str, ...]:
    """Return what disturbed the sessions, each kind once."""
    found = ((pair.number, facts_of(pair)) for pair in record.pairs)
    kinds = by_kind(
        (number, one)
        for number, facts in found
        for one in (*facts.notes, *facts.unsteady, *facts.invalid)
    )
    return tuple(
        f"{record.design}, {len(one.sessions)} of {len(record.pairs)} sessions: {say(one.first)}"
        for one in kinds
    )


def _effect(valid: Sequence[Pair], design: Design) -> Interval:
    """Return the effect as `compare` judges it; in a relaunch, the effect of order is separate."""
    effects = effects_of(valid).middle
    if design != "relaunch":
        return t_interval(effects, CONFIDENCE)
    orders = np.array([1.0 if pair.order == "ab" else -1.0 for pair in valid])
    return ordered_interval(effects, orders, CONFIDENCE)[0]


def _levels(record: Comparison) -> Floats:
    """Return the logarithm of the typical step of each session, mean over both sides."""
    pairs = counted(record.pairs)
    levels: Floats = np.log([pair.middle_ms or pair.step_ms for pair in pairs]).mean(axis=1)
    return levels
