"""Differences that the scatter of steps may have made, by simulation."""

import numpy as np
import pytest

from resnext_bench.reports.trace.differences.noise import Pair, Scatter

ROWS, STEPS = 200, 6


def pairs(seed: int, slower: int) -> list[Pair]:
    """Rows of a table; the first `slower` of them are, by ten times their scatter."""
    random = np.random.default_rng(seed)
    found = []
    for row in range(ROWS):
        a, b = random.normal(1e6, 2e4, (2, STEPS))
        found.append((a.astype(np.int64), (b + 2e5 * (row < slower)).astype(np.int64)))
    return found


@pytest.mark.parametrize("is_paired", [False, True])
def test_a_table_without_a_difference_has_none(is_paired: bool) -> None:
    """Of 20 tables of 200 rows: uncorrected, every table would have about ten."""
    scatter = Scatter(scale_ns=1e7, is_paired=is_paired)
    alarms = 0
    for seed in range(20):
        noises = scatter.noises(pairs(seed, 0))
        alarms += any(not one.is_noise for one in noises if one)
    assert alarms <= 4  # more: 1 time in 400, where a table alarms in 5 %


def test_what_is_slower_is_found() -> None:
    noises = Scatter(scale_ns=1e7, is_paired=False).noises(pairs(1, 50))
    found = [not one.is_noise for one in noises if one]
    assert all(found[:50])
    assert sum(found[50:]) <= 8
    assert all(one and one.low_ns < 2e5 < one.high_ns for one in noises[:1])


def test_what_is_below_the_resolution_of_a_step_is_noise() -> None:
    """Equal times prove nothing: no scatter below 0.01 % of a step is believed."""
    same = np.full(STEPS, 1_000), np.full(STEPS, 1_001)
    (one,) = Scatter(scale_ns=1e6, is_paired=False).noises([same])
    assert one
    assert one.is_noise


def test_one_step_tells_nothing() -> None:
    one = np.array([5]), np.array([9, 9])
    assert Scatter(scale_ns=1e6, is_paired=False).noises([one]) == [None]
    assert Scatter(scale_ns=1e6, is_paired=False).step(one) is None
