"""The verdict on sessions measured apart."""

import numpy as np
import pytest
from scipy import stats

from resnext_bench.reports.schema.sessions import Session
from resnext_bench.reports.verdicts.unpaired import judge_unpaired
from tests.reports.made_results import figures_of_step, made_session

A, B = (100.0, 103.0, 99.0, 101.0), (111.0, 108.0, 112.0)


def sessions(*steps_ms: float) -> list[Session]:
    return [made_session(figures=figures_of_step(step)) for step in steps_ms]


def test_welch_on_the_logarithms_of_all_steps_and_of_the_middle_one() -> None:
    judged = judge_unpaired(sessions(*A), sessions(*B), 0.02)
    oracle = stats.ttest_ind(np.log(B), np.log(A), equal_var=False)
    assert judged.decision is not None
    for found, confidence in ((judged.decision.interval, 0.998), (judged.decision.middle, 0.992)):
        expected = oracle.confidence_interval(confidence)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert judged.word == "slower"


def test_slow_steps_alone_are_a_change() -> None:
    """The median steps are the same; b's windows are 20 % longer."""
    quiet = (100.0, 100.2, 99.9, 100.1)
    slow = [made_session(figures=figures_of_step(1.2 * step, step_ms_p50=step)) for step in quiet]
    judged = judge_unpaired(sessions(*quiet), slow, 0.02)
    assert judged.decision is not None
    assert (judged.word, judged.decision.middle_word) == ("slower", "same")
    assert judged.middle_ms == pytest.approx((100.05, 100.05), abs=0.01)
    assert judged.step_ms == pytest.approx((100.05, 120.06), abs=0.01)


def test_swapping_the_sides_turns_the_verdict_round() -> None:
    there = judge_unpaired(sessions(*A), sessions(*B), 0.02)
    back = judge_unpaired(sessions(*B), sessions(*A), 0.02)
    assert there.decision is not None
    assert back.decision is not None
    assert back.word == "faster"
    assert back.decision.interval.low == pytest.approx(-there.decision.interval.high)


def test_parts_of_a_step() -> None:
    """What lies between the parts is one of them, so that they add up to the step."""
    fast = [made_session(figures=figures_of_step(mean, step_ms_p50=99)) for mean in (510, 530)]
    slow = [
        made_session(figures=figures_of_step(350 + value, forward_ms=value))
        for value in (160, 162, 158)
    ]
    judged = judge_unpaired(fast, slow, 0.02)
    phase = judged.phases["forward"]
    assert (phase.a_ms, phase.b_ms) == pytest.approx((150, 160), rel=1e-3)
    assert phase.change_ms == phase.b_ms - phase.a_ms
    assert phase.half_width_ms > 0
    assert judged.phases["other"].a_ms == pytest.approx(20, rel=1e-2)
    parts = judged.phases.values()
    sums = sum(part.a_ms for part in parts), sum(part.b_ms for part in parts)
    assert sums == pytest.approx(judged.step_ms)


def test_too_few_on_both_sides() -> None:
    judged = judge_unpaired([], sessions(100.0), 0.02)
    assert (judged.word, judged.decision) == ("can't tell", None)
    assert "0 of a and 1 of b" in judged.why
