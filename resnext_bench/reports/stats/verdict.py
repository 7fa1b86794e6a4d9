"""The verdict on two sides: what the intervals allow to say, and no more.

All words are about b: it is faster, or slower, than a, by the time of all its steps together. Two
estimates of that are judged side by side (`Effects`). The total is what users pay, and it scatters
with every rare slow step, of the program or of the machine. The median step scatters far less, and
is blind to all steps but the usual ones: it may carry a change that the total alone cannot show,
and it never makes two sides the same. "Never steady" and "invalid" say that sessions must not be
judged at all; these words come from the caller, who knows the sessions.
"""

from dataclasses import dataclass, field
from math import fsum, isinf, log1p, sqrt
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from resnext_bench.reports.schema.verdicts import CHANGES, Word
from resnext_bench.reports.stats.effects import (
    Interval,
    checked,
    interval,
    ordered_interval,
    t_interval,
    to_percent,
    welch_interval,
)
from resnext_bench.reports.stats.looks import Looks, one_look
from resnext_bench.reports.stats.power import sessions_needed, smallest_detectable

Floats = NDArray[np.float64]

Carrier = Literal["total", "middle"]

TOTAL_SHARE: Final = 0.2
"""The total's share of the error that a look may spend on changes; the middle has the rest.

The errors of both add up (Bonferroni). The middle gets more, as it carries the small changes: a
change of the total alone is due to slow steps, which are large. (Simulated: with a half each, 2 %
on a hostile machine is found in 93 % of comparisons, with a fifth for the total in 97 %.)
"""
MIDDLE_SHARE: Final = 1 - TOTAL_SHARE
OFFSET_ALPHA: Final = 0.02
"""Two-sided level at which the other steps are seen to offset a change of the median one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effects:
    """Log ratios [sessions] of paired sessions, b over a; or log times of one side's sessions."""

    total: Floats
    """Effect on the time of all steps."""
    middle: Floats
    """Effect on the median step: the median, or the median of blocks' medians."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The decision on b against a at one look."""

    word: Word
    carried_by: Carrier
    """Which of both intervals decided the word; "total" where neither did."""
    interval: Interval
    """Interval of all steps together, at the confidence that this look has paid for."""
    middle: Interval
    """Interval of the median step, at the confidence that this look has paid for. Over all looks of
    the plan, both together err in 1 %."""
    middle_word: Word
    """Word that the median step alone would get."""
    equivalence: Interval
    """Interval of all steps together for TOST: where it lies within the margin, and nothing is a
    change, the word is "same". It is narrower: 1 - 2α of the error that "same" may make at this
    look."""
    rest: Interval
    """By how much the total's change is larger than the median step's, at `OFFSET_ALPHA`: the part
    of slow steps."""
    order: Interval | None
    """By how much the later side is slower; None where orders were not given."""
    detectable_percent: float
    """Smallest change of every step that so many sessions find with 95 % power at this look, per
    cent."""
    detectable_total_percent: float
    """The same for a change that is only in some steps, so that the total must show it."""
    sessions: int
    more: int | None
    """About how many more sessions would show a change: the margin, or the larger one that was
    seen, less its standard error. None where no more are needed, or below three sessions."""

    @property
    def disagrees(self) -> bool:
        """Whether all steps together change by something else than the median step does."""
        return self.rest.excludes_zero


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """The intervals at one look, and what else they rest on."""

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

    Orders [sessions], +1 where a was first and -1 where b was, are corrected for in a relaunch, and
    only reported of a duet. One session, or a relaunch in a single order, can't tell.
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

    What the machine did between the sets is in the change, but in no interval: the wider Welch
    interval allows for their scatter alone. `sessions` is the number in the smaller set.
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
    """Return the mean of [sessions] without the highest and the lowest; of all, below three."""
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
    if total in CHANGES:
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
    """Return whether the other steps may take away the change that the median one shows.

    Either they are seen to do so, over the sessions, or all steps together point the other way in
    most sessions. The highest and the lowest session are left out: a single step of 100 times the
    usual, which any machine may have, must not hide what every step shows.
    """
    sign = 1.0 if found.middle.estimate > 0 else -1.0
    seen = found.rest.df > 0 and max(sign * found.rest.low, sign * found.rest.high) < 0
    return seen or sign * found.inner <= 0


def _detectable_percent(found: _Found, alpha: float) -> tuple[float, float]:
    """Return the change found by the median step, and that found by all steps together.

    A change of every step is found by whichever of the two is more sensitive.
    """
    return (
        to_percent(smallest_detectable(found.middle.error, MIDDLE_SHARE * alpha, found.middle.df)),
        to_percent(smallest_detectable(found.total.error, TOTAL_SHARE * alpha, found.total.df)),
    )


def _more(found: _Found, count: int, looks: Looks, look: int, margin_log: float) -> int | None:
    """Return about how many more sessions would show a change.

    They are for the median step, or for the total if the median is known to be the same. A change
    that looks larger than the margin needs fewer; it counts less a standard error, as it may only
    look so. The last look has most of the error: it is the one that further sessions lead to.
    """
    known = tost(found.middle, margin_log) < looks.same_alphas[look] if found.middle.df else False
    wanted = found.total if known else found.middle
    share = TOTAL_SHARE if known else MIDDLE_SHARE
    if count <= 2 or wanted.df <= 0:
        return None
    aim = max(margin_log, abs(wanted.estimate) - wanted.error)
    return sessions_needed(wanted.error * sqrt(count), count, aim, share * looks.alphas[-1])


def tost(found: Interval, margin_log: float) -> float:
    """Return the p value of "outside ±margin": two one-sided t tests (Schuirmann 1987).

    It is below α exactly where the interval of confidence 1 - 2α lies within ±margin, and 1 where
    the error is not known.
    """
    if margin_log <= 0:
        raise ValueError(f"a margin of {margin_log}: it must be above 0")
    if isinf(found.error):
        return 1.0
    nearer = (margin_log - abs(found.estimate)) / found.error
    return float(special.stdtr(found.df, -nearer))
