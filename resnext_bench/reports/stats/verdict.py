"""The verdict on two sides: what intervals allow one to say, and no more.

All words are about b: it is faster, or slower, than a, by the time of all its steps together. Two
estimates of that are judged side by side (`Effects`). The total is what users pay, and it scatters
with every rare slow step, of the program or of the machine. The median step scatters far less, and
is blind to all steps but the usual ones: it may carry a change that the total alone cannot tell,
and it never makes two sides the same. "Never steady" and "invalid" say that sessions must not be
judged at all; they come from whoever knows the sessions.
"""

from dataclasses import dataclass, field
from math import fsum, log1p, sqrt
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.comparison import Word
from resnext_bench.reports.stats.effects import (
    Interval,
    checked,
    interval,
    ordered_interval,
    t_interval,
    to_percent,
    welch_interval,
)
from resnext_bench.reports.stats.equivalence import tost
from resnext_bench.reports.stats.looks import Looks, one_look
from resnext_bench.reports.stats.power import sessions_needed, smallest_detectable

Floats = NDArray[np.float64]

Carrier = Literal["total", "middle"]

TOTAL_SHARE: Final = 0.2
"""Of the error that a look may spend on changes, what the total spends; the middle has the rest.

The errors of both add up (Bonferroni). The middle gets more, as it carries the small changes: a
change of the total alone is a matter of slow steps, which are large. (Simulated: with a half each,
2 % on a hostile machine is found in 93 % of comparisons, with a fifth in 97 %.)
"""
MIDDLE_SHARE: Final = 1 - TOTAL_SHARE
OFFSET_ALPHA: Final = 0.02
"""Two-sided level at which the rest of the steps is seen to offset a change of the middle one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effects:
    """Log ratios b over a [sessions], of paired sessions."""

    total: Floats
    """Of the time of all steps."""
    middle: Floats
    """Of the median step: the median, or the median of blocks' medians."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What sessions say of b against a at one look."""

    word: Word
    carried_by: Carrier
    """Which of both intervals made the word; "total" where none did."""
    interval: Interval
    """Of all steps together, at the confidence that this look has paid for."""
    middle: Interval
    """Of the median step, likewise. With all looks of the plan, both together err in 1 %."""
    middle_word: Word
    """What the median step alone would be called."""
    equivalence: Interval
    """What TOST asks for, of all steps together: where it lies within the margin, and nothing is
    a change, it is "same". Narrower: 1 - 2α of the error that "same" may make at this look."""
    rest: Interval
    """By how much the total's change is larger than the median step's, at `OFFSET_ALPHA`: what
    slow steps come to."""
    order: Interval | None
    """By how much the later side is slower; None where orders were not given."""
    detectable_percent: float
    """Smallest change of every step that so many sessions tell with 95 % power, at this look."""
    detectable_total_percent: float
    """The same of a change that is in some steps alone, so that the total must tell it."""
    sessions: int
    more: int | None
    """About so many more sessions would tell a change of the margin, or the larger one that was
    seen, less its standard error; None where no more are needed, or below three."""

    @property
    def disagrees(self) -> bool:
        """Whether all steps together say something else than the middle one."""
        return self.rest.excludes_zero


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """Intervals at one look, and what lies behind them."""

    total: Interval
    middle: Interval
    rest: Interval
    inner: float
    """The total's estimate without the highest and the lowest session."""
    order: Interval | None = field(default=None)


def decide(
    effects: Effects,
    *,
    looks: Looks,
    look: int,
    margin: float,
    orders: Floats | None = None,
    relaunch: bool = False,
) -> Decision:
    """Judge paired effects at the look with index `look`; `margin` is a fraction.

    Orders [sessions], +1 where a was first and -1 where b was, are a nuisance term of a relaunch
    and merely reported of a duet. One session, or a relaunch in one order alone, can't tell.
    """
    if relaunch and orders is None:
        raise ValueError("a relaunch is judged with the orders of its sessions")
    total_confidence, middle_confidence = _confidences(looks.alphas[look])
    total, order = _paired(effects.total, orders, total_confidence, relaunch)
    middle, _ = _paired(effects.middle, orders, middle_confidence, relaunch)
    rest, _ = _paired(effects.total - effects.middle, orders, 1 - OFFSET_ALPHA, relaunch)
    balanced = effects.total
    if relaunch and orders is not None and order is not None and order.df > 0:
        balanced = effects.total - order.estimate * orders
    found = _Found(total=total, middle=middle, rest=rest, inner=_inner_mean(balanced), order=order)
    return _decision(found, len(effects.total), looks, look, margin)


def decide_unpaired(a: Effects, b: Effects, margin: float) -> Decision:
    """Judge two sets of sessions measured apart, log times [n] and [m], in one look at 99 %.

    Whatever the machine did between the sets is in the change, and in no interval: the wider
    Welch interval allows for their scatter alone. `sessions` counts those of the smaller set.
    """
    fewer = min(len(a.total), len(b.total))
    looks = one_look(fewer)
    total_confidence, middle_confidence = _confidences(looks.alphas[0])
    found = _Found(
        total=welch_interval(a.total, b.total, total_confidence),
        middle=welch_interval(a.middle, b.middle, middle_confidence),
        rest=welch_interval(a.total - a.middle, b.total - b.middle, 1 - OFFSET_ALPHA),
        inner=_inner_mean(b.total) - _inner_mean(a.total),
    )
    return _decision(found, fewer, looks, 0, margin)


def _confidences(alpha: float) -> tuple[float, float]:
    return 1 - TOTAL_SHARE * alpha, 1 - MIDDLE_SHARE * alpha


def _paired(
    values: Floats, orders: Floats | None, confidence: float, relaunch: bool
) -> tuple[Interval, Interval | None]:
    plain = t_interval(values, confidence)
    if orders is None:
        return plain, None
    adjusted, order = ordered_interval(values, orders, confidence)
    return (adjusted if relaunch else plain), order


def _inner_mean(values: Floats) -> float:
    """Return the mean of [sessions] less the highest and the lowest; of all, below three."""
    ordered = np.sort(checked(values, 1))
    kept = ordered[1:-1] if len(ordered) > 2 else ordered
    return fsum(kept) / len(kept)


def _decision(found: _Found, count: int, looks: Looks, look: int, margin: float) -> Decision:
    margin_log = log1p(margin)
    alpha, same_alpha = looks.alphas[look], looks.same_alphas[look]
    word, carrier = _word(found, same_alpha, margin_log)
    return Decision(
        word=word,
        carried_by=carrier,
        interval=found.total,
        middle=found.middle,
        middle_word=_word_alone(found.middle, same_alpha, margin_log),
        equivalence=interval(
            found.total.estimate, found.total.error, found.total.df, 1 - 2 * same_alpha
        ),
        rest=found.rest,
        order=found.order,
        detectable_percent=min(_detectable_percent(found, alpha)),
        detectable_total_percent=_detectable_percent(found, alpha)[1],
        sessions=count,
        more=_more(found, count, looks, look, margin_log) if word == "can't tell" else None,
    )


def _word(found: _Found, same_alpha: float, margin_log: float) -> tuple[Word, Carrier]:
    total = _word_alone(found.total, same_alpha, margin_log)
    if total in ("faster", "slower", "negligible"):
        return total, "total"
    middle = _word_alone(found.middle, same_alpha, margin_log)
    if middle in ("faster", "slower") and not _is_offset(found):
        return middle, "middle"
    return total, "total"


def _word_alone(found: Interval, same_alpha: float, margin_log: float) -> Word:
    if found.excludes_zero:
        if found.within(margin_log):
            return "negligible"
        return "slower" if found.estimate > 0 else "faster"
    return "same" if tost(found, margin_log) < same_alpha else "can't tell"


def _is_offset(found: _Found) -> bool:
    """Whether the other steps may take away what the middle one shows.

    Either they are seen to, over the sessions, or all steps together point the other way in most
    sessions. One session is left out at either end: a single step of 100 times the usual, which
    any machine may have, must not hide what every step shows.
    """
    sign = 1.0 if found.middle.estimate > 0 else -1.0
    seen = found.rest.df > 0 and max(sign * found.rest.low, sign * found.rest.high) < 0
    return seen or sign * found.inner <= 0


def _detectable_percent(found: _Found, alpha: float) -> tuple[float, float]:
    """By the interval of the median step, and by that of all together.

    A change that every step has is told by whichever tells it sooner.
    """
    return (
        to_percent(smallest_detectable(found.middle.error, MIDDLE_SHARE * alpha, found.middle.df)),
        to_percent(smallest_detectable(found.total.error, TOTAL_SHARE * alpha, found.total.df)),
    )


def _more(found: _Found, count: int, looks: Looks, look: int, margin_log: float) -> int | None:
    """Sessions that would tell: of the median step, or of the total where that is known already.

    A change that looks larger than the margin needs fewer; less a standard error, as it may only
    look so. The last look pays most: it is the one that further sessions lead to.
    """
    known = tost(found.middle, margin_log) < looks.same_alphas[look] if found.middle.df else False
    wanted = found.total if known else found.middle
    share = TOTAL_SHARE if known else MIDDLE_SHARE
    if count <= 2 or wanted.df <= 0:
        return None
    aim = max(margin_log, abs(wanted.estimate) - wanted.error)
    return sessions_needed(wanted.error * sqrt(count), count, aim, share * looks.alphas[-1])
