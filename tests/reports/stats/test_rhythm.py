"""Slow steps: found by what they cost, with their period, whatever the machine does."""

import numpy as np
import pytest
from numpy.typing import NDArray

from resnext_bench.lab.calibration.profiles import HOSTILE, QUIET, SHARED, Profile, log_noise
from resnext_bench.reports.stats.rhythm import find_rhythm, whole_periods

Floats = NDArray[np.float64]


def steps(count: int, every: int, ratio: float, first: int = 0) -> Floats:
    """Return steps of 10 ms and some noise, of which every so many takes `ratio` times as long."""
    found: Floats = 10 * np.exp(np.random.default_rng(every).normal(0, 0.02, count))
    found[first::every] *= ratio
    return found


@pytest.mark.parametrize(("every", "ratio"), [(2, 3), (3, 1.5), (4, 6), (10, 3), (50, 10)])
def test_a_period_is_found(every: int, ratio: float) -> None:
    found = find_rhythm(steps(250, every, ratio, first=1))
    assert found is not None
    assert (found.every, found.slow, found.steps) == (every, len(range(1, 250, every)), 250)
    assert found.slow_ms == pytest.approx(10 * ratio, rel=0.02)
    assert found.cost_percent == pytest.approx(100 * (ratio - 1) / every, rel=0.05)


@pytest.mark.parametrize("every", [2, 4, 10, 11])
def test_steps_that_were_not_kept_are_counted_in(every: int) -> None:
    """Of a duet's blocks one step in eleven is dropped, slow or not."""
    kept = np.arange(330)[np.arange(330) % 11 != 3]
    found = find_rhythm(steps(330, every, 4)[kept], kept)
    assert found is not None
    assert found.every == every


def test_two_slow_steps_in_a_row_are_one_stretch() -> None:
    times = steps(100, 10, 4)
    times[1::10] *= 4
    found = find_rhythm(times)
    assert found is not None
    assert (found.every, found.slow) == (10, 20)


@pytest.mark.parametrize("seed", range(8))
def test_irregular_ones_have_no_period(seed: int) -> None:
    slow = np.random.default_rng(seed).random(300) < 0.1
    found = find_rhythm(np.where(slow, 40.0, 10.0))
    assert found is not None
    assert (found.every, found.slow) == (None, slow.sum())


@pytest.mark.parametrize(("profile", "most"), [(QUIET, 0.1), (SHARED, 0.4), (HOSTILE, 0.7)])
def test_a_machine_alone_has_no_rhythm(profile: Profile, most: float) -> None:
    """Its spikes may cost 1 % and be told, but not as a period."""
    rng = np.random.default_rng(1)
    found = [find_rhythm(np.exp(log_noise(profile, 200, rng))) for _ in range(150)]
    assert sum(one is not None for one in found) <= most * len(found)
    assert sum(one is not None and one.every is not None for one in found) <= 1


def test_of_few_steps_nobody_knows_what_is_usual() -> None:
    assert find_rhythm([10.0, 40.0, 10.0, 10.0, 40.0]) is None


def test_the_longest_is_kept() -> None:
    found = find_rhythm([10.0] * 95 + [20.0] * 4 + [900.0])
    assert found is not None
    assert (found.slow, found.slow_ms, found.longest_ms) == (5, 196.0, 900.0)


def test_what_costs_next_to_nothing_is_not_told() -> None:
    assert find_rhythm(steps(250, 50, 1.4)) is None
    assert find_rhythm([10.0] * 20) is None


def test_whole_periods() -> None:
    assert [whole_periods(10, every) for every in (1, 4, 5, 7, 10, 50)] == [10, 12, 10, 14, 10, 50]
