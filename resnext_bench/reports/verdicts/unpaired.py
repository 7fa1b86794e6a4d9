"""Judges two sets of sessions that were measured apart."""

from collections.abc import Sequence
from statistics import geometric_mean

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.comparison import PHASES, PhaseChange
from resnext_bench.reports.schema.sessions import Session, SlowSteps
from resnext_bench.reports.stats.effects import welch_interval
from resnext_bench.reports.stats.verdict import Effects, decide_unpaired
from resnext_bench.reports.verdicts.judge import CONFIDENCE, Judged, pooled_slow

Floats = NDArray[np.float64]

FEWEST = 2
"""Fewest sessions of a side: a single one does not show how much they vary."""


def judge_unpaired(a: Sequence[Session], b: Sequence[Session], margin: float) -> Judged:
    """Judge b against a by each session's steps; `margin` is a fraction of the step time.

    There are no pairs: what the machine did between the two sets is in the interval only as far as
    it is in their own spread.
    """
    few = " and ".join(
        f"{len(side)} of {name}" for name, side in (("a", a), ("b", b)) if len(side) < FEWEST
    )
    if few:
        return Judged(
            word="can't tell",
            why=f"sessions that count: {few}; each side needs at least {FEWEST}",
            decision=None,
            order_effect=None,
            phases={},
            step_ms=None,
            middle_ms=None,
            slow=(None, None),
            drift="",
        )
    effects = _effects(a), _effects(b)
    decision = decide_unpaired(*effects, margin)
    # As the verdict counts it, so that the step and its change are of one kind.
    step_ms = (float(np.exp(effects[0].total.mean())), float(np.exp(effects[1].total.mean())))
    unsteady = _unsteady(a, b)
    return Judged(
        word="never steady" if unsteady else decision.word,
        why=unsteady,
        decision=decision,
        order_effect=None,
        phases=_phases(a, b, step_ms),
        step_ms=step_ms,
        middle_ms=(_geometric(a, "step_ms_p50"), _geometric(b, "step_ms_p50")),
        slow=(_slow(a), _slow(b)),
        drift="",
    )


def _effects(sessions: Sequence[Session]) -> Effects:
    """Return the logarithms of the sessions' times: of the mean step, and of the median step.

    The mean step is the length of the window over its steps.
    """
    figures = [session.figures for session in sessions]
    return Effects(
        total=np.log([1e3 * one.window_s / one.steps for one in figures]),
        middle=np.log([one.step_ms_p50 for one in figures]),
    )


def _geometric(sessions: Sequence[Session], figure: str) -> float:
    return geometric_mean(getattr(session.figures, figure) for session in sessions)


def _slow(sessions: Sequence[Session]) -> SlowSteps | None:
    return pooled_slow([session.figures.slow for session in sessions])


def _unsteady(a: Sequence[Session], b: Sequence[Session]) -> str:
    """Return what was seen where more than half of a side's sessions never settled."""
    for name, side in (("a", a), ("b", b)):
        whys = [session.steadiness.why for session in side if not session.steadiness.steady]
        if 2 * len(whys) > len(side):
            return f"{len(whys)} of {len(side)} sessions of {name}: {whys[0]}"
    return ""


def _phases(
    a: Sequence[Session], b: Sequence[Session], step_ms: tuple[float, float]
) -> dict[str, PhaseChange]:
    """Return the parts, each with its share of the step, so that the printed figures add up."""
    parts = {phase: (_part_ms(a, phase), _part_ms(b, phase)) for phase in PHASES}
    scale = [
        step / sum(float(both[side].mean()) for both in parts.values())
        for side, step in enumerate(step_ms)
    ]
    return {phase: _phase(*both, scale) for phase, both in parts.items()}


def _part_ms(sessions: Sequence[Session], phase: str) -> Floats:
    figures = [session.figures for session in sessions]
    if phase == "other":
        return np.array([one.step_ms_mean - one.parts_ms for one in figures])
    return np.array([getattr(one, f"{phase}_ms") for one in figures])


def _phase(parts_a: Floats, parts_b: Floats, scale: Sequence[float]) -> PhaseChange:
    change = welch_interval(parts_a, parts_b, CONFIDENCE)
    a_ms, b_ms = float(parts_a.mean()) * scale[0], float(parts_b.mean()) * scale[1]
    return PhaseChange(
        a_ms=a_ms,
        b_ms=b_ms,
        change_ms=b_ms - a_ms,
        half_width_ms=(change.high - change.low) / 2,
    )
