"""From two sets of sessions that were measured apart to a verdict."""

from collections.abc import Sequence
from statistics import geometric_mean

import numpy as np
from numpy.typing import NDArray

from reports.schema.comparison import PHASES, PhaseChange
from reports.schema.record import Session
from reports.stats.effects import welch_interval
from reports.stats.verdict import decide_unpaired
from reports.verdicts import CONFIDENCE, Judged

Floats = NDArray[np.float64]

FEWEST = 2
"""Sessions of a side: one says nothing about how much they vary."""


def judge_unpaired(a: Sequence[Session], b: Sequence[Session], margin: float) -> Judged:
    """Judge b against a by each session's median step; `margin` is a fraction of the step time.

    There are no pairs, so what the machine did between the two sets is in the interval only as
    far as it is in their spread too.
    """
    few = " and ".join(
        f"{len(side)} of {name}" for name, side in (("a", a), ("b", b)) if len(side) < FEWEST
    )
    if few:
        return Judged(
            word="can't tell",
            why=f"sessions that count: {few}; each side needs {FEWEST} at least",
            decision=None,
            order_effect=None,
            phases={},
            step_ms=None,
            drift="",
        )
    decision = decide_unpaired(np.log(_medians_ms(a)), np.log(_medians_ms(b)), margin)
    unsteady = _unsteady(a, b)
    return Judged(
        word="never steady" if unsteady else decision.word,
        why=unsteady,
        decision=decision,
        order_effect=None,
        phases={phase: _phase(a, b, phase) for phase in PHASES},
        step_ms=(geometric_mean(_medians_ms(a)), geometric_mean(_medians_ms(b))),
        drift="",
    )


def _medians_ms(sessions: Sequence[Session]) -> Floats:
    return np.array([session.figures.step_ms_p50 for session in sessions])


def _unsteady(a: Sequence[Session], b: Sequence[Session]) -> str:
    """What was seen, where more than half of a side's sessions never settled."""
    for name, side in (("a", a), ("b", b)):
        whys = [session.steadiness.why for session in side if not session.steadiness.steady]
        if 2 * len(whys) > len(side):
            return f"{len(whys)} of {len(side)} sessions of {name}: {whys[0]}"
    return ""


def _phase(a: Sequence[Session], b: Sequence[Session], phase: str) -> PhaseChange:
    parts_a, parts_b = (
        np.array([getattr(session.figures, f"{phase}_ms") for session in side]) for side in (a, b)
    )
    change = welch_interval(parts_a, parts_b, CONFIDENCE)
    return PhaseChange(
        a_ms=float(parts_a.mean()),
        b_ms=float(parts_b.mean()),
        change_ms=change.estimate,
        half_width_ms=(change.high - change.low) / 2,
    )
