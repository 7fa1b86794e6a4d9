"""The verdict on two sides: what an interval allows one to say, and no more."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reports.stats.effects import Interval, ordered_interval, t_interval, to_percent, welch_interval
from reports.stats.equivalence import tost
from reports.stats.looks import Looks
from reports.stats.power import sessions_needed, smallest_detectable

Floats = NDArray[np.float64]

Word = Literal["faster", "slower", "negligible", "same", "can't tell", "never steady", "invalid"]

SAME_ALPHA = 0.05
"""Error of "same" at a true change of δ, over all looks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What sessions say of b against a at one look."""

    word: Word
    interval: Interval
    """At the confidence that this look has paid for."""
    order: Interval | None
    """By how much the later side is slower; None where order is no term."""
    detectable_percent: float
    """Smallest change that so many sessions tell from none with 95 % power."""
    sessions: int
    more: int | None
    """About so many more sessions would tell; None where the verdict needs none."""
    promised: bool
    """Whether `more` can be relied on (within a factor of two in four of five cases)."""


def decide(
    effects: Floats,
    *,
    looks: Looks,
    look: int,
    margin: float,
    orders: Floats | None = None,
    relaunch: bool = False,
) -> Decision:
    """Judge paired effects [sessions] at the look with index `look`; `margin` is a fraction."""
    alpha, share = looks.alphas[look], len(looks.alphas)
    order: Interval | None = None
    values = np.asarray(effects, dtype=np.float64)
    if relaunch and orders is not None and len(values) >= 3:
        found, order = ordered_interval(values, orders, 1 - alpha)
    else:
        found = t_interval(values, 1 - alpha)
    return _decision(found, order, len(values), alpha, SAME_ALPHA / share, margin)


def decide_unpaired(log_a: Floats, log_b: Floats, margin: float, alpha: float = 0.01) -> Decision:
    """Judge two sets of sessions measured apart, in one look: drift between them is in it."""
    found = welch_interval(log_a, log_b, 1 - alpha)
    count = min(len(log_a), len(log_b))
    return _decision(found, None, count, alpha, SAME_ALPHA, margin)


def _decision(
    found: Interval,
    order: Interval | None,
    count: int,
    alpha: float,
    same_alpha: float,
    margin: float,
) -> Decision:
    margin_log = float(np.log1p(margin))
    word = _word(found, same_alpha, margin_log)
    sd = found.error * float(np.sqrt(count))
    detectable = smallest_detectable(found.error, alpha, found.df)
    return Decision(
        word=word,
        interval=found,
        order=order,
        detectable_percent=to_percent(detectable),
        sessions=count,
        more=sessions_needed(sd, count, margin_log, alpha) if word == "can't tell" else None,
        promised=count >= 10,
    )


def _word(found: Interval, same_alpha: float, margin_log: float) -> Word:
    if found.excludes_zero:
        if found.within(margin_log):
            return "negligible"
        return "slower" if found.estimate > 0 else "faster"
    equal = tost(found.estimate, found.error, found.df, margin_log) < same_alpha
    return "same" if equal else "can't tell"
