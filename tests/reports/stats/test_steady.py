"""Warm-up, trends and plain noise, told apart at the rates the module claims."""

from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from resnext_bench.lab.calibration.profiles import (
    HOSTILE,
    QUIET,
    SHARED,
    TRENDING,
    Profile,
    log_noise,
)
from resnext_bench.reports.stats.steady import FEWEST_STEPS, Steady, steady

Floats = NDArray[np.float64]
LAUNCHES = 250


def judged(profile: Profile, warm_up: Floats, seed: int = 0) -> list[Steady]:
    """Judge many launches of a machine, with a warm-up [steps] added to their log times."""
    rng = np.random.default_rng(seed)
    noises = (log_noise(profile, len(warm_up), rng) for _ in range(LAUNCHES))
    return [steady(100 * np.exp(noise + warm_up)) for noise in noises]


def never_rate(found: list[Steady]) -> float:
    return float(np.mean([result.never_steady for result in found]))


@pytest.mark.parametrize("steps", [30, 100, 300])
@pytest.mark.parametrize("profile", [QUIET, SHARED], ids=["quiet", "shared"])
def test_plain_noise_and_bursts_are_rarely_called_unsteady(profile: Profile, steps: int) -> None:
    assert never_rate(judged(profile, np.zeros(steps))) <= 0.04  # of 250: 3 se above 1.6 %


def test_trend_is_found() -> None:
    assert never_rate(judged(TRENDING, np.zeros(300))) >= 0.95
    assert never_rate(judged(QUIET, np.linspace(0.0, 0.05, 100))) >= 0.95


def test_trend_behind_a_warm_up_is_found() -> None:
    index = np.arange(200)
    behind = np.where(index < 20, 1.0, 5e-4 * index)
    assert never_rate(judged(QUIET, behind)) >= 0.95


def test_trend_is_said_in_words_and_numbers() -> None:
    rng = np.random.default_rng(0)
    found = steady(100 * np.exp(log_noise(QUIET, 200, rng) + 1e-3 * np.arange(200)))
    assert found.never_steady
    assert found.cut == 0
    assert found.trend is not None
    assert found.trend.slope_percent_per_step == pytest.approx(0.1, rel=0.1)
    assert found.trend.drift_percent == pytest.approx(19.9, rel=0.1)
    assert found.why.startswith("never steady: step time moves by +0.")


def test_slope_error_covers_the_slope() -> None:
    found = judged(TRENDING, np.zeros(300))
    trends = [result.trend for result in found if result.trend is not None and not result.cut]
    inside = [
        abs(t.slope_percent_per_step - 0.01) < 2.58 * t.error_percent_per_step for t in trends
    ]
    assert np.mean(inside) >= 0.96


@pytest.mark.parametrize("steps", [30, 100, 300])
@pytest.mark.parametrize("profile", [QUIET, SHARED, HOSTILE], ids=["quiet", "shared", "hostile"])
def test_five_slow_first_steps_leave_no_bias(profile: Profile, steps: int) -> None:
    warm_up = np.where(np.arange(steps) < 5, np.log(3), 0.0)
    found = judged(profile, warm_up)
    assert all(result.cut >= 5 for result in found if not result.never_steady)
    assert never_rate(found) <= (0.25 if profile is HOSTILE else 0.04)  # of 250: 3 se above 1.6 %


@pytest.mark.parametrize(
    ("profile", "steps", "most_percent"),
    [(QUIET, 30, 0.05), (QUIET, 100, 0.02), (QUIET, 300, 0.02), (SHARED, 300, 0.15)],
)
def test_boost_then_throttle(profile: Profile, steps: int, most_percent: float) -> None:
    warm_up = np.where(np.arange(steps) < 0.3 * steps, -0.04, 0.0)
    kept = [warm_up[r.cut :].mean() for r in judged(profile, warm_up) if not r.never_steady]
    assert len(kept) >= 0.9 * LAUNCHES
    assert abs(100 * np.mean(kept)) <= most_percent


def test_one_slow_first_step_is_cut() -> None:
    step_ms = np.array([2000.0, *np.random.default_rng(0).normal(100, 1, 40)])
    assert steady(step_ms).cut == 1


def test_spikes_in_the_middle_are_kept() -> None:
    step_ms = np.random.default_rng(0).normal(100, 1, 60)
    step_ms[[20, 41, 59]] = 900
    found = steady(step_ms)
    assert found.is_steady
    assert found.cut == 0


@pytest.mark.parametrize("share", [0.6, 0.8])
def test_a_warm_up_longer_than_half_is_never_steady(share: float) -> None:
    step_ms = np.where(np.arange(100) < 100 * share, 150.0, 100.0)
    found = steady(step_ms * np.random.default_rng(0).normal(1, 0.005, 100))
    assert found.never_steady
    assert "jumps by -33 % after the middle" in found.why


def test_too_few_steps_are_not_judged() -> None:
    found = steady(np.full(FEWEST_STEPS - 1, 100.0))
    assert (found.judged, found.is_steady, found.never_steady, found.cut) == (
        False,
        False,
        False,
        0,
    )
    assert "9 steps are too few" in found.why


def test_equal_steps_are_steady() -> None:
    assert steady(np.full(50, 3.0)) == steady(np.full(50, 3.0))
    assert steady(np.full(50, 3.0)).is_steady


@pytest.mark.parametrize(
    "wrong", [np.ones((2, 20)), np.zeros(20), np.full(20, np.nan), np.full(20, -1.0)]
)
def test_what_is_no_series_of_times_is_refused(wrong: Floats) -> None:
    with pytest.raises(ValueError, match="finite positive"):
        steady(wrong)


@settings(max_examples=40)
@given(
    st.integers(0, 10_000),
    st.sampled_from([QUIET, SHARED, HOSTILE, TRENDING]),
    st.integers(10, 150),
    st.floats(1e-3, 1e6),
)
def test_the_unit_of_time_changes_nothing(
    seed: int, profile: Profile, steps: int, factor: float
) -> None:
    step_ms = np.exp(log_noise(profile, steps, np.random.default_rng(seed)))
    before, after = steady(step_ms), steady(factor * step_ms)
    assert (before.cut, before.is_steady) == (after.cut, after.is_steady)


@settings(max_examples=150)
@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(1e-6, 1e9)))
def test_any_series_gets_an_answer(step_ms: Floats) -> None:
    found = steady(step_ms)
    assert 0 <= found.cut <= len(step_ms) // 2
    assert not (found.is_steady and found.never_steady)
    assert found.why
    assert "\n" not in found.why


def test_a_thousand_steps_take_no_time() -> None:
    step_ms = np.exp(log_noise(SHARED, 1000, np.random.default_rng(0)))
    times = []
    for _ in range(5):
        start = perf_counter()
        steady(step_ms)
        times.append(perf_counter() - start)
    assert min(times) < 0.05
