"""What sessions can show, by the published formula and by brute force."""

from math import inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from resnext_bench.reports.stats.effects import t_interval
from resnext_bench.reports.stats.power import sessions_in_all, sessions_needed, smallest_detectable


@pytest.mark.parametrize(("count", "alpha"), [(8, 0.01), (4, 0.000645), (3, 0.01)])
def test_the_smallest_detectable_effect_is_detected_in_95_of_100(count: int, alpha: float) -> None:
    rng = np.random.default_rng(0)
    detectable = smallest_detectable(0.01 / np.sqrt(count), alpha, count - 1)
    samples = rng.normal(detectable, 0.01, (4000, count))
    found = np.mean([t_interval(row, 1 - alpha).excludes_zero for row in samples])
    assert found == pytest.approx(0.95, abs=0.011)  # 3 standard errors


def test_nothing_is_detectable_without_an_error() -> None:
    assert smallest_detectable(inf, 0.01, 0) == inf


def test_many_sessions_follow_the_formula() -> None:
    # (t.995 + t.95) -> 2.576 + 1.645 where sessions are many.
    expected = ((2.576 + 1.645) * 0.5 / 0.1) ** 2
    assert sessions_in_all(0.5, 0.1) == pytest.approx(expected, rel=0.02)


def test_done_sessions_are_taken_off_and_one_more_is_the_least() -> None:
    in_all = sessions_in_all(0.018, log(1.02))
    assert in_all == 18
    assert sessions_needed(0.018, 10, log(1.02)) == 8
    assert sessions_needed(0.018, 30, log(1.02)) == 1
    assert sessions_needed(0.0, 2, log(1.02)) == 1


@given(st.floats(1e-5, 0.2), st.floats(0.001, 0.1), st.floats(0.0005, 0.05))
def test_so_many_sessions_do_and_one_less_does_not(
    sd: float, margin_log: float, alpha: float
) -> None:
    def reach(count: int) -> float:
        quantiles = stats.t.ppf(1 - alpha / 2, count - 1) + stats.t.ppf(0.95, count - 1)
        return float(quantiles * sd / np.sqrt(count))

    count = sessions_in_all(sd, margin_log, alpha)
    assert reach(count) <= margin_log * (1 + 1e-9)
    assert count == 2 or reach(count - 1) > margin_log * (1 - 1e-9)


@pytest.mark.parametrize(("sd", "margin_log"), [(np.nan, 0.02), (-1.0, 0.02), (0.01, 0.0)])
def test_what_is_no_spread_or_margin_is_refused(sd: float, margin_log: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        sessions_in_all(sd, margin_log)
