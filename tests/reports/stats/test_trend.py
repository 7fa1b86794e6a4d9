"""Trends pooled over sessions, and how many sessions may be unsteady by themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from resnext_bench.lab.calibration.profiles import QUIET, TRENDING, log_noise
from resnext_bench.reports.stats.effects import t_interval
from resnext_bench.reports.stats.trend import (
    POOLED_ALPHA,
    PRIOR_SESSIONS,
    Trend,
    fitted_trend,
    most_unsteady,
    pooled_trend,
    session_trend,
    trend_of_ratios,
    trend_over_sessions,
)


def trend(slope: float, error: float = 0.003, steps: int = 100) -> Trend:
    return Trend(
        slope_percent_per_step=slope,
        error_percent_per_step=error,
        drift_percent=slope * (steps - 1),
        p=1.0,
    )


def test_slopes_alone_are_pooled_by_students_t() -> None:
    slopes = np.array([0.01, 0.02, 0.015])
    assert pooled_trend(slopes) == t_interval(slopes, 1 - POOLED_ALPHA)


def test_equal_errors_weigh_equally_and_scatter_moderates() -> None:
    slopes, errors = np.array([0.0, 0.02]), np.full(2, 0.01)
    found = pooled_trend(slopes, errors)
    assert found.estimate == pytest.approx(0.01)
    assert found.df == PRIOR_SESSIONS + 1
    # Squared distances of one error each: 2 of scatter, 8 of prior, over 9.
    assert found.error == pytest.approx(0.01 / np.sqrt(2) * np.sqrt(10 / 9))


def test_noisy_sessions_count_little() -> None:
    found = pooled_trend(np.array([0.01, 1.0]), np.array([0.001, 1.0]))
    assert found.estimate == pytest.approx(0.01, rel=0.01)


def test_four_sessions_see_what_one_does_not() -> None:
    one, four = trend_over_sessions([trend(0.008)]), trend_over_sessions([trend(0.008)] * 4)
    assert not one.matters(POOLED_ALPHA)
    assert four.matters(POOLED_ALPHA)
    assert four.drift_percent == pytest.approx(0.792)


def test_a_small_trend_harms_nobody_however_sure() -> None:
    found = trend_over_sessions([trend(0.004, error=0.0001)] * 20)
    assert found.p < 1e-9
    assert not found.matters(POOLED_ALPHA)


def test_a_session_has_the_mean_trend_of_its_sides() -> None:
    found = session_trend([trend(0.01, 0.002), trend(0.02, 0.004)])
    assert found.slope_percent_per_step == pytest.approx(0.015)
    assert found.error_percent_per_step == pytest.approx(0.003)
    assert found.p == pytest.approx(2 * stats.norm.sf(5))


def test_real_slopes_are_pooled() -> None:
    rng = np.random.default_rng(0)
    for profile, matters in ((QUIET, False), (TRENDING, True)):
        trends = [fitted_trend(np.minimum(log_noise(profile, 100, rng), 0.04)) for _ in range(8)]
        assert trend_over_sessions(trends).matters(POOLED_ALPHA) == matters


def test_b_moving_against_a_is_seen_over_sessions() -> None:
    ratios = np.random.default_rng(0).normal(0, 0.003, (6, 10))
    assert not trend_of_ratios(ratios).matters(POOLED_ALPHA)
    found = trend_of_ratios(ratios + 0.001 * np.arange(10))
    assert found.matters(POOLED_ALPHA)
    assert found.slope_percent_per_step == pytest.approx(0.1, abs=0.03)
    assert found.drift_percent == pytest.approx(9 * found.slope_percent_per_step)
    swapped = trend_of_ratios(-ratios - 0.001 * np.arange(10))
    assert swapped.drift_percent == pytest.approx(-found.drift_percent)
    assert swapped.p == pytest.approx(found.p)


def test_equal_ratios_do_not_move() -> None:
    assert trend_of_ratios(np.full((1, 3), 0.5)).p == 1


def test_long_sessions_say_more_about_a_slope_than_short_ones() -> None:
    """The oracle is least squares with a level for each session and one slope for all."""
    rng = np.random.default_rng(3)
    lengths = (10, 60, 14, 200)
    ratios = [rng.normal(0, 0.01, n) + 2e-4 * np.arange(n) + 0.1 * n for n in lengths]
    found = trend_of_ratios(ratios)
    levels = np.repeat(np.eye(len(lengths)), lengths, axis=0)
    design = np.column_stack([np.concatenate([np.arange(n) for n in lengths]), levels])
    (slope, *_), *_ = np.linalg.lstsq(design, np.concatenate(ratios))
    assert found.slope_percent_per_step == pytest.approx(100 * slope)
    assert found.drift_percent == pytest.approx(100 * slope * 70)
    assert found.matters(POOLED_ALPHA)
    assert not trend_of_ratios([one[:10] for one in ratios]).matters(POOLED_ALPHA)


@pytest.mark.parametrize("shape", [(4, 2), (1, 0)])
def test_ratios_too_few_for_a_slope_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least 3 finite values"):
        trend_of_ratios(np.zeros(shape))
    with pytest.raises(ValueError, match="one session"):
        trend_of_ratios([])


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=9), st.sampled_from([0.5, 2.0, 1024.0]))
def test_sign_and_unit_pass_through(slopes: list[float], factor: float) -> None:
    values, errors = np.array(slopes), 0.01 + np.abs(slopes)
    found, scaled = pooled_trend(values, errors), pooled_trend(-factor * values, factor * errors)
    assert scaled.estimate == pytest.approx(-factor * found.estimate)
    assert scaled.error == pytest.approx(factor * found.error)


@pytest.mark.parametrize("errors", [[0.1], [0.1, 0.0], [0.1, np.nan]])
def test_errors_must_fit_the_slopes(errors: list[float]) -> None:
    with pytest.raises(ValueError, match=r"above 0|finite"):
        pooled_trend(np.zeros(2), np.array(errors))


def test_how_many_sessions_may_be_unsteady() -> None:
    found = {n: most_unsteady(n) for n in (1, 2, 3, 4, 6, 10, 16, 26)}
    assert found == {1: 1, 2: 2, 3: 3, 4: 3, 6: 4, 10: 6, 16: 8, 26: 12}
    for sessions, most in found.items():
        assert stats.binom.sf(most, sessions, 0.2) <= 0.002
