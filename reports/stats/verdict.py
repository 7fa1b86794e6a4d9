"""The verdict on two sides: what an interval allows one to say, and no more.

All words are about b: it is faster, or slower, than a. "Never steady" and "invalid" say that
sessions must not be judged at all; they come from whoever knows the sessions.
"""

from dataclasses import dataclass
from math import log1p, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reports.stats.effects import (
    Interval,
    interval,
    ordered_interval,
    t_interval,
    to_percent,
    welch_interval,
)
from reports.stats.equivalence import tost
from reports.stats.looks import Looks, one_look
from reports.stats.power import PROMISED_FROM, sessions_needed, smallest_detectable

Floats = NDArray[np.float64]

Word = Literal["faster", "slower", "negligible", "same", "can't tell", "never steady", "invalid"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What sessions say of b against a at one look."""

    word: Word
    interval: Interval
    """At the confidence that this look has paid for: 99 % with all looks of the plan together."""
    equivalence: Interval
    """What TOST asks for: where it lies within the margin, and `interval` holds 0, it is "same".
    Narrower than `interval`: 1 - 2α of the error that "same" may make at this look."""
    order: Interval | None
    """By how much the later side is slower; None where orders were not given."""
    detectable_percent: float
    """Smallest change that so many sessions tell from none with 95 % power, at this look."""
    sessions: int
    more: int | None
    """About so many more sessions would tell a change of the margin, or the larger one that was
    seen, less its standard error; None where no more are needed, or below three."""
    promised: bool
    """Whether `more` can be relied on (within a factor of two in four of five cases)."""
    looks_taken: int
    looks_planned: int


def decide(
    effects: Floats,
    *,
    looks: Looks,
    look: int,
    margin: float,
    orders: Floats | None = None,
    relaunch: bool = False,
) -> Decision:
    """Judge paired effects [sessions] at the look with index `look`; `margin` is a fraction.

    Orders [sessions], +1 where a was first and -1 where b was, are a nuisance term of a relaunch
    and merely reported of a duet. One session, or a relaunch in one order alone, can't tell.
    """
    confidence = 1 - looks.alphas[look]
    order: Interval | None = None
    found = t_interval(effects, confidence)
    if orders is not None:
        adjusted, order = ordered_interval(effects, orders, confidence)
        found = adjusted if relaunch else found
    elif relaunch:
        raise ValueError("a relaunch is judged with the orders of its sessions")
    return _decision(found, order, len(effects), looks, look, margin)


def decide_unpaired(log_a: Floats, log_b: Floats, margin: float) -> Decision:
    """Judge two sets of sessions measured apart, log times [n] and [m], in one look at 99 %.

    Whatever the machine did between the sets is in the change, and in no interval: the wider
    Welch interval allows for their scatter alone. `sessions` counts those of the smaller set.
    """
    fewer = min(len(log_a), len(log_b))
    looks = one_look(fewer)
    found = welch_interval(log_a, log_b, 1 - looks.alphas[0])
    return _decision(found, None, fewer, looks, 0, margin)


def _decision(
    found: Interval, order: Interval | None, count: int, looks: Looks, look: int, margin: float
) -> Decision:
    margin_log = log1p(margin)
    word = _word(found, looks.same_alphas[look], margin_log)
    detectable = smallest_detectable(found.error, looks.alphas[look], found.df)
    more = None
    if word == "can't tell" and count > 2 and found.df > 0:
        # A change that looks larger than the margin needs fewer; less a standard error, as it
        # may only look so. The last look pays most: it is the one that further sessions lead to.
        aim = max(margin_log, abs(found.estimate) - found.error)
        more = sessions_needed(found.error * sqrt(count), count, aim, looks.alphas[-1])
    return Decision(
        word=word,
        interval=found,
        equivalence=interval(
            found.estimate, found.error, found.df, 1 - 2 * looks.same_alphas[look]
        ),
        order=order,
        detectable_percent=to_percent(detectable),
        sessions=count,
        more=more,
        promised=more is not None and count >= PROMISED_FROM,
        looks_taken=look + 1,
        looks_planned=len(looks.sessions),
    )


def _word(found: Interval, same_alpha: float, margin_log: float) -> Word:
    if found.excludes_zero:
        if found.within(margin_log):
            return "negligible"
        return "slower" if found.estimate > 0 else "faster"
    return "same" if tost(found, margin_log) < same_alpha else "can't tell"
