"""The verdict on sessions measured apart."""

import numpy as np
import pytest
from scipy import stats

from reports.schema.record import Session
from reports.unpaired import judge_unpaired
from tests.reports.made_results import made_figures, made_session

A, B = (100.0, 103.0, 99.0, 101.0), (111.0, 108.0, 112.0)


def sessions(*medians_ms: float) -> list[Session]:
    return [made_session(figures=made_figures(step_ms_p50=median)) for median in medians_ms]


def test_welch_on_the_logarithms_of_the_medians() -> None:
    judged = judge_unpaired(sessions(*A), sessions(*B), 0.02)
    oracle = stats.ttest_ind(np.log(B), np.log(A), equal_var=False).confidence_interval(0.99)
    assert judged.decision is not None
    assert judged.decision.interval.low == pytest.approx(oracle.low)
    assert judged.decision.interval.high == pytest.approx(oracle.high)
    assert judged.word == "slower"


def test_swapping_the_sides_turns_the_verdict_round() -> None:
    there = judge_unpaired(sessions(*A), sessions(*B), 0.02)
    back = judge_unpaired(sessions(*B), sessions(*A), 0.02)
    assert there.decision is not None
    assert back.decision is not None
    assert back.word == "faster"
    assert back.decision.interval.low == pytest.approx(-there.decision.interval.high)


def test_parts_of_a_step() -> None:
    slow = [
        made_session(figures=made_figures(step_ms_p50=100, forward_ms=value))
        for value in (160, 162, 158)
    ]
    phase = judge_unpaired(sessions(*A), slow, 0.02).phases["forward"]
    assert (phase.a_ms, phase.b_ms, phase.change_ms) == (150, 160, pytest.approx(10))
    assert phase.half_width_ms > 0


def test_too_few_on_both_sides() -> None:
    judged = judge_unpaired([], sessions(100.0), 0.02)
    assert (judged.word, judged.decision) == ("can't tell", None)
    assert "0 of a and 1 of b" in judged.why
