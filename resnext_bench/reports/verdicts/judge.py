"""Judges counted pairs: the verdict, and every figure beside it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import geometric_mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.figures.page_faults import faults_of, faults_words
from resnext_bench.reports.schema.comparison import PHASES, Design, Drift, Pair, PhaseChange
from resnext_bench.reports.schema.interval import Range
from resnext_bench.reports.schema.sessions import SlowSteps
from resnext_bench.reports.schema.verdicts import CHANGES, Word
from resnext_bench.reports.stats.effects import Interval, t_interval, to_percent
from resnext_bench.reports.stats.looks import Looks
from resnext_bench.reports.stats.trend import (
    FEWEST_RATIOS,
    POOLED_ALPHA,
    Trend,
    most_unsteady,
    trend_of_ratios,
    trend_over_sessions,
)
from resnext_bench.reports.stats.verdict import Decision, Effects, decide

Floats = NDArray[np.float64]

CONFIDENCE = 0.99
MOST_INVALID = 3
"""Number of invalid sessions that ends a comparison, if they are a third of all."""
ALIKE = 0.5
"""Share of the larger drift within which the drifts of two sides are called alike."""
LEAST_ERROR_PERCENT = 1e-9
"""Least standard error of a slope, per cent per step: one without any would outweigh all others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """The verdict on the pairs so far, and the figures beside it."""

    word: Word
    why: str
    """What was seen, for "never steady" and "invalid", and where page faults forbid a verdict."""
    decision: Decision | None
    """Decision of the statistics; None below two counted pairs."""
    order_effect: Range | None
    phases: dict[str, PhaseChange]
    step_ms: tuple[float, float] | None
    middle_ms: tuple[float, float] | None
    slow: tuple[SlowSteps | None, SlowSteps | None]
    drift: str
    """How the steps of both sides move within a session; empty where they do not."""

    @property
    def is_final(self) -> bool:
        """Whether more sessions would not change the word."""
        return self.word != "can't tell"


def counted(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs that may enter a verdict."""
    return [pair for pair in pairs if not pair.invalid]


def judge_pairs(
    pairs: Sequence[Pair], design: Design, looks: Looks, look: int, margin: float
) -> Judged:
    """Judge at the look with index `look`; `margin` is a fraction of the step time."""
    valid = counted(pairs)
    decision = _decision(valid, design, looks, look, margin) if len(valid) > 1 else None
    word, why = _word(pairs, valid, decision, design, last=look == len(looks.sessions) - 1)
    return Judged(
        word=word,
        why=why,
        decision=decision,
        order_effect=_order_effect(valid, design, decision),
        phases=_phases(valid),
        step_ms=_geometric(pair.step_ms for pair in valid),
        middle_ms=_geometric(pair.middle_ms or pair.step_ms for pair in valid),
        slow=pooled_slow_of(pair.slow for pair in valid),
        drift=_common_drift(valid),
    )


def range_of(interval: Interval) -> Range:
    """Return an interval in per cent, as the record holds it."""
    return Range(
        percent=to_percent(interval.estimate),
        low_percent=to_percent(interval.low),
        high_percent=to_percent(interval.high),
        confidence_percent=100 * interval.confidence,
    )


def told_range(interval: Interval) -> Range | None:
    """Return an interval in per cent; None if it is infinite, for which JSON has no number.

    The interval of two launches, for example, is infinite.
    """
    found = range_of(interval)
    return found if isfinite(found.high_percent) else None


def told_equivalence(judged: Judged) -> Range | None:
    """Return the interval that made the verdict "same"; None for any other word."""
    if judged.word != "same" or judged.decision is None:
        return None
    return told_range(judged.decision.equivalence)


def told_percent(percent: float) -> float | None:
    """Return a figure as the record holds it: None where it is infinite."""
    return percent if isfinite(percent) else None


def effects_of(pairs: Sequence[Pair]) -> Effects:
    """Return the effects of sessions; in older records, the median step is also the total."""
    totals = [pair.log_ratio for pair in pairs]
    middles = [
        pair.log_ratio if pair.middle_log_ratio is None else pair.middle_log_ratio for pair in pairs
    ]
    return Effects(total=np.array(totals), middle=np.array(middles))


def told_figures(judged: Judged) -> dict[str, Any]:
    """Return the fields of a record that hold what was judged."""
    decision = judged.decision
    return {
        "change": told_range(decision.interval) if decision else None,
        "middle": told_range(decision.middle) if decision else None,
        "carried_by": decision.carried_by if decision else "total",
        "middle_verdict": decision.middle_word if decision else None,
        "disagrees": decision.disagrees if decision else False,
        "equivalence": told_equivalence(judged),
        "order_effect": judged.order_effect,
        "detectable_percent": told_percent(decision.detectable_percent) if decision else None,
        "detectable_total_percent": (
            told_percent(decision.detectable_total_percent) if decision else None
        ),
        "sessions_more": decision.more if decision else None,
        "step_ms": judged.step_ms,
        "middle_ms": judged.middle_ms,
        "slow": judged.slow,
        "phases": judged.phases,
    }


def _decision(
    valid: Sequence[Pair], design: Design, looks: Looks, look: int, margin: float
) -> Decision:
    orders = np.array([1.0 if pair.order == "ab" else -1.0 for pair in valid])
    relaunch = design == "relaunch"
    return decide(
        effects_of(valid),
        looks=looks,
        look=look,
        margin=margin,
        orders=orders if relaunch else None,
        relaunch=relaunch,
    )


def _word(
    pairs: Sequence[Pair],
    valid: Sequence[Pair],
    decision: Decision | None,
    design: Design,
    *,
    last: bool,
) -> tuple[Word, str]:
    reasons = [reason for pair in pairs for reason in pair.invalid]
    if len(pairs) - len(valid) >= max(MOST_INVALID, len(pairs) / 3):
        why = f"{len(pairs) - len(valid)} of {len(pairs)} sessions do not count"
        return "invalid", f"{why}; the first one: {reasons[0]}"
    if decision is None:
        return "can't tell", ""
    faults = faults_of(valid)
    if decision.word in CHANGES and faults:
        carrier = decision.middle if decision.carried_by == "middle" else decision.interval
        if faults.account_for(carrier.estimate):
            return "can't tell", faults_words(faults)
    if decision.word != "can't tell" or last:  # asked once, as each time could be a false alarm
        unsteady = _unsteady(valid) or _drift(valid, design)
        if unsteady:
            return "never steady", unsteady
    return decision.word, ""


def _unsteady(valid: Sequence[Pair]) -> str:
    """Return what was seen if more launches did not settle than a hostile machine explains."""
    found = [pair for pair in valid if pair.unsteady]
    if len(found) <= most_unsteady(len(valid)):
        return ""
    return f"{len(found)} of {len(valid)} sessions; {found[0].unsteady[0]}"


def _drift(valid: Sequence[Pair], design: Design) -> str:
    """Describe a slope over all sessions: of b over a in a duet, of both sides in a relaunch."""
    if design == "relaunch":
        return _common_drift(valid)
    if min(len(pair.blocks_ms) for pair in valid) < FEWEST_RATIOS:
        return ""
    found = trend_of_ratios([np.log([b / a for a, b in pair.blocks_ms]) for pair in valid])
    if not found.matters(POOLED_ALPHA):
        return ""
    return f"b over a moves by {found.drift_percent:+.1f} % within a session"


def _common_drift(valid: Sequence[Pair]) -> str:
    """Describe how the sides' steps move within a session; in a duet their common part cancels."""
    slopes = [_trend(pair.drift) for pair in valid if pair.drift]
    found = trend_over_sessions(slopes) if slopes else None
    if found is None or not found.matters(POOLED_ALPHA):
        return ""
    sides = [pair.drift.sides_percent for pair in valid if pair.drift and pair.drift.sides_percent]
    if not sides:
        return f"step times move by {found.drift_percent:+.1f} % within a session"
    a, b = (float(np.mean([each[side] for each in sides])) for side in (0, 1))
    if abs(a - b) <= ALIKE * max(abs(a), abs(b)):
        moved = f"{found.drift_percent:+.1f} %"
        return f"step times of both sides move alike by {moved} within a session"
    return f"step times move within a session: those of a by {a:+.1f} %, those of b by {b:+.1f} %"


def _trend(drift: Drift) -> Trend:
    error = max(drift.error_percent, LEAST_ERROR_PERCENT)
    return Trend(
        slope_percent_per_step=drift.slope_percent,
        error_percent_per_step=error,
        drift_percent=drift.moved_percent,
        p=1.0,
    )


def _order_effect(valid: Sequence[Pair], design: Design, decision: Decision | None) -> Range | None:
    if design == "relaunch":
        # The slope on "a first" is by how much the later side is slower.
        order = decision.order if decision else None
        return told_range(order) if order else None
    later = np.array([effect for pair in valid if (effect := _later_block(pair)) is not None])
    return range_of(t_interval(later, CONFIDENCE)) if len(later) > 1 else None


def _later_block(pair: Pair) -> float | None:
    """Return how much longer the later block of a pair is, as a log ratio; else ABBA cancels it."""
    if len(pair.blocks_ms) < 2:
        return None
    ratios = np.array([np.log(b / a) for a, b in pair.blocks_ms])
    # The pair that is dropped has index 0 and the session's order; the next one is turned round.
    later = np.where(np.arange(1, len(ratios) + 1) % 2 == 0, 1.0, -1.0)
    later = later if pair.order == "ab" else -later
    b_later, a_later = ratios[later > 0], ratios[later < 0]
    return float(np.median(b_later) - np.median(a_later)) / 2


def _phases(valid: Sequence[Pair]) -> dict[str, PhaseChange]:
    if len(valid) < 2:
        return {}
    named = [phase for phase in PHASES if phase in valid[0].phases_ms]
    parts: dict[str, Floats] = {
        phase: np.array([pair.phases_ms.get(phase, (0.0, 0.0)) for pair in valid])
        for phase in named
    }
    return split_step(parts, _geometric(pair.step_ms for pair in valid) or (1.0, 1.0))


def split_step(parts: dict[str, Floats], step_ms: tuple[float, float]) -> dict[str, PhaseChange]:
    """Return each part's share of the steps of a and b, and the interval of its change.

    `parts` are means of each session [sessions, 2] in ms. They add up to the sessions' mean steps.
    `step_ms` is the geometric mean of these, as the change is one of logarithms; each part keeps
    its share of it, so that the printed figures add up.
    """
    sums = sum(values.mean(axis=0) for values in parts.values())
    return {phase: _phase(values, np.array(step_ms) / sums) for phase, values in parts.items()}


def _phase(values: Floats, scale: Floats) -> PhaseChange:
    a_ms, b_ms = (float(value) for value in values.mean(axis=0) * scale)
    change = t_interval(values[:, 1] - values[:, 0], CONFIDENCE)
    return PhaseChange(
        a_ms=a_ms,
        b_ms=b_ms,
        change_ms=b_ms - a_ms,
        half_width_ms=(change.high - change.low) / 2,
    )


def _geometric(sides: Iterable[tuple[float, float]]) -> tuple[float, float] | None:
    """Return geometric means, which agree with the change as a mean of log ratios."""
    values = list(sides)
    if not values:
        return None
    a, b = (geometric_mean(value[side] for value in values) for side in (0, 1))
    return a, b


def pooled_slow_of(
    sessions: Iterable[tuple[SlowSteps | None, SlowSteps | None]],
) -> tuple[SlowSteps | None, SlowSteps | None]:
    """Return the slow steps of each side over its sessions."""
    both = list(sessions)
    return pooled_slow([one for one, _ in both]), pooled_slow([two for _, two in both])


def pooled_slow(found: Sequence[SlowSteps | None]) -> SlowSteps | None:
    """Return the slow steps of all sessions of a side; None where at least half have none.

    They have a rhythm where most of the sessions with slow steps have the same one.
    """
    known = [one for one in found if one is not None]
    if 2 * len(known) <= len(found):
        return None
    periods = Counter(one.every for one in known if one.every is not None)
    every, count = periods.most_common(1)[0] if periods else (None, 0)
    slow = sum(one.slow for one in known)
    return SlowSteps(
        every=every if 2 * count > len(known) else None,
        slow=slow,
        steps=sum(one.steps for one in known),
        slow_ms=sum(one.slow * one.slow_ms for one in known) / slow,
        longest_ms=max((one.longest_ms or 0.0 for one in known), default=0.0) or None,
        cost_percent=sum(one.cost_percent for one in known) / len(found),
    )
