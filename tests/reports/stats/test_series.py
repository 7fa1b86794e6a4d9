"""Exact partitioning against brute force, and the noise estimates against known noise."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from resnext_bench.lab.calibration.profiles import QUIET, log_noise
from resnext_bench.reports.stats.series import levels, long_run_variance, robust_sd, segment_starts

Floats = NDArray[np.float64]


def cost(values: Floats, starts: list[int], penalty: float) -> float:
    return float(np.sum((values - levels(values, starts)) ** 2)) + penalty * len(starts)


def cheapest(values: Floats, penalty: float, shortest: int) -> float:
    """Try every partition."""
    n = len(values)
    return min(
        cost(values, [0, *inner], penalty)
        for count in range(n // shortest)
        for inner in combinations(range(1, n), count)
        if (np.diff([0, *inner, n]) >= shortest).all()
    )


@settings(max_examples=60)
@given(
    arrays(np.float64, st.integers(4, 11), elements=st.floats(-10, 10)),
    st.floats(0.1, 30),
    st.integers(2, 3),
)
def test_as_cheap_as_the_best_of_all(values: Floats, penalty: float, shortest: int) -> None:
    starts = segment_starts(values, penalty, shortest)
    if len(values) >= 2 * shortest:
        assert cost(values, starts, penalty) == pytest.approx(cheapest(values, penalty, shortest))
    assert starts[0] == 0


def test_levels_are_found_where_they_are() -> None:
    values = np.repeat([0.0, 5.0, 1.0], [20, 30, 10])
    assert segment_starts(values, 1.0) == [0, 20, 50]
    assert levels(values, [0, 20, 50]).tolist() == values.tolist()


def test_long_run_variance_of_known_noise() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, 4000)
    assert long_run_variance(noise - noise.mean(), 1) == pytest.approx(1, rel=0.15)
    quiet = np.minimum(log_noise(QUIET, 4000, rng), 0.02)
    found = long_run_variance(quiet - quiet.mean(), 1)
    assert found == pytest.approx(3 * 0.005**2, rel=0.2)  # sd² · (1 + φ)/(1 - φ), φ = 0.5


def test_robust_sd_sees_past_outliers() -> None:
    values = np.random.default_rng(0).normal(0, 1, 2000)
    values[:100] = 1000
    assert robust_sd(values) == pytest.approx(1.05, rel=0.1)
