"""From two sides' steps to one pair, against numbers worked out by hand."""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.reports.verdicts.pairs import (
    FEWEST_FOR_SLOPE,
    Measured,
    of_duet,
    of_launches,
    of_steps,
)
from tests.reports.made_results import even_samples, made_result, made_samples


def side(*steps_ms: int) -> SessionResult:
    return made_result(even_samples(0, steps_ms))


def test_a_duet_by_hand() -> None:
    # The first block is not counted. Medians of the other three: 20, 10, 30 and 40, 20, 120 ms;
    # sums of their nine steps: 230 and 425.
    a = side(90, 99, 90, 10, 20, 90, 10, 10, 10, 30, 20, 30)
    b = side(7, 7, 7, 40, 40, 40, 10, 20, 30, 120, 120, 5)
    found = of_duet(a, b, 3)
    assert found.blocks_ms == ((20, 40), (10, 20), (30, 120))
    assert found.middle_log_ratio == pytest.approx(log(2)), "the median of log 2, log 2, log 4"
    assert found.middle_ms == (20, 40)
    assert found.log_ratio == pytest.approx(log(425 / 230))
    assert found.step_ms == pytest.approx((230 / 9, 425 / 9))


def test_slow_steps_of_one_side_are_in_its_total_alone() -> None:
    """Every 4th of b's takes six times as long; the block before the counted ones is dropped."""
    ran = [60 if step % 4 == 0 else 10 for step in range(11 * 5)]
    kept = [ms for step, ms in enumerate(ran) if step % 11]  # one step before each block
    found = of_duet(side(*[10] * 50), side(*kept), 10)
    counted = kept[10:]
    assert found.middle_log_ratio == 0
    assert found.log_ratio == pytest.approx(log(sum(counted) / 400))
    slow_a, slow_b = found.slow
    assert slow_a is None
    assert slow_b is not None
    assert (slow_b.every, slow_b.slow, slow_b.slow_ms) == (4, counted.count(60), 60)


def test_launches_may_differ_in_their_steps() -> None:
    found = of_steps(np.array([10.0, 10, 40]), np.array([20.0, 20, 20, 20]))
    assert found.step_ms == (20, 20)
    assert found.middle_ms == (10, 20)
    assert (found.log_ratio, found.middle_log_ratio) == (0, pytest.approx(log(2)))


def test_b_slower_is_above_0() -> None:
    assert of_duet(side(10, 10), side(10, 20), 1).log_ratio == pytest.approx(log(2))
    assert of_duet(side(10, 20), side(10, 10), 1).log_ratio == pytest.approx(-log(2))


def test_a_step_of_a_block_is_as_long_as_its_slowest_rank() -> None:
    # Blocks of two steps: 30 and 20 ms, a median of 25, where either rank alone has 20 or 15.
    a = made_result(even_samples(0, [9, 9, 30, 10]), even_samples(1, [9, 9, 10, 20]))
    b = made_result(even_samples(0, [9, 9, 50, 50]), even_samples(1, [9, 9, 40, 40]))
    found = of_duet(a, b, 2)
    assert found.blocks_ms == ((25, 50),)
    assert found.log_ratio == pytest.approx(log(2))


def test_sides_of_different_batches_are_compared_by_the_time_per_image() -> None:
    """b takes 1.5 times as long for twice the images."""
    found = of_duet(side(9, 10, 10), side(9, 15, 15), 1).per_image((4, 8))
    assert found.log_ratio == found.middle_log_ratio == pytest.approx(log(0.75))
    assert found.step_ms == found.middle_ms == (2.5, 1.875)
    assert found.phases_ms["forward"] == (0.5, 0.25)
    assert found.blocks_ms == ((10, 15), (10, 15))


STEPS = st.lists(st.tuples(st.integers(5, 10**6), st.integers(5, 10**6)), min_size=4, max_size=40)


def both(steps: list[tuple[int, int]], block_steps: int, scale: int = 1) -> Measured:
    whole = steps[: len(steps) // block_steps * block_steps]
    a, b = (side(*(scale * step for step in one)) for one in zip(*whole, strict=True))
    return of_duet(a, b, block_steps)


@given(STEPS, st.integers(1, 2))
def test_swapping_the_sides_flips_the_sign(steps: list[tuple[int, int]], block_steps: int) -> None:
    found = both(steps, block_steps)
    turned = both([(b, a) for a, b in steps], block_steps)
    assert turned.log_ratio == pytest.approx(-found.log_ratio, abs=1e-12)
    assert turned.blocks_ms == tuple((b, a) for a, b in found.blocks_ms)
    assert turned.step_ms == found.step_ms[::-1]
    assert turned.phases_ms == {name: part[::-1] for name, part in found.phases_ms.items()}


@given(STEPS, st.integers(1, 2), st.integers(2, 1000))
def test_scaling_all_times_changes_nothing(
    steps: list[tuple[int, int]], block_steps: int, scale: int
) -> None:
    found, scaled = both(steps, block_steps), both(steps, block_steps, scale)
    assert scaled.log_ratio == pytest.approx(found.log_ratio, abs=1e-12)
    assert scaled.step_ms == pytest.approx([scale * step for step in found.step_ms])
    if found.drift and scaled.drift:
        assert scaled.drift.moved_percent == pytest.approx(found.drift.moved_percent, abs=1e-6)


def test_the_drift_of_a_session_is_that_of_both_sides() -> None:
    # b grows by 1 % a step and a does not: half of it each. What is not counted is not in it.
    even, growing = [100_000] * 6, [round(100_000 * 1.01**step) for step in range(6)]
    duet = of_duet(side(7, 7, *even), side(7, 9, *growing), 2)
    launches = of_launches(side(*even), side(7, 9, *growing), 0, 2)
    for found in (duet, launches):
        assert found.drift is not None
        assert found.drift.slope_percent == pytest.approx(50 * log(1.01), rel=1e-3)
        assert found.drift.moved_percent == pytest.approx(250 * log(1.01), rel=1e-3)


def test_too_few_steps_for_a_line() -> None:
    few = [10] * (FEWEST_FOR_SLOPE - 1)
    assert of_duet(side(10, *few), side(10, *few), 1).drift is None
    assert of_launches(side(10, *few), side(*few), 0, 0).drift is None


def parts() -> tuple[SessionResult, SessionResult]:
    """Two ranks of a, one of b; the first step is a thousand times the others."""
    first = made_samples(
        rank=0,
        data_wait_ms=[1000, 1, 3],
        forward_ms=[2000, 2, 2],
        backward_ms=[5000, 5, 7],
        optimizer_ms=[1000, 1, 1],
    )
    second = made_samples(
        rank=1,
        data_wait_ms=[1000, 3, 1],
        forward_ms=[2000, 4, 4],
        backward_ms=[5000, 5, 7],
        optimizer_ms=[1000, 2, 2],
    )
    other = made_samples(
        data_wait_ms=[0, 0, 1],
        forward_ms=[9, 10, 20],
        backward_ms=[9, 30, 40],
        optimizer_ms=[9, 3, 5],
    )
    return made_result(first, second), made_result(other)


def test_phases_are_means_over_counted_steps_and_ranks() -> None:
    a, b = parts()
    expected = {
        "data_wait": (2, 0.5),
        "forward": (3, 15),
        "backward": (6, 35),
        "optimizer": (1.5, 4),
        "other": (1.5, 0),  # a's steps last 13 and 15 ms, as long as the slower rank's
    }
    assert of_duet(a, b, 1).phases_ms == expected
    assert of_launches(a, b, 1, 1).phases_ms == expected
    launches = of_launches(a, b, 2, 0)
    assert launches.phases_ms["forward"] == (3, 13)
    parts_a, parts_b = zip(*launches.phases_ms.values(), strict=True)
    assert (sum(parts_a), sum(parts_b)) == pytest.approx(launches.step_ms)
