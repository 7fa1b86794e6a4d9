"""Numbers worked out by hand, and the mistakes of other harnesses that must not return."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from resnext_bench.reports.stats.summary import (
    phase_split,
    slowest_rank,
    step_times,
    throughput,
)

Floats = NDArray[np.float64]

TABLES = st.tuples(st.integers(1, 4), st.integers(1, 12)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(1, 10**9).map(float))
)


def windows_s(step_ns: object) -> Floats:
    """Each rank's window [ranks] in seconds, as the sum of its steps in ns."""
    totals: Floats = np.asarray(step_ns, dtype=np.float64).sum(axis=1) / 1e9
    return totals


def test_slowest_rank_is_taken_step_by_step() -> None:
    # Each rank adds up to 6, but they take turns being slow: the steps add up to 9.
    step_ns = [[1, 2, 3], [3, 2, 1], [1, 4, 1]]
    assert slowest_rank(step_ns).tolist() == [3, 4, 3]
    assert windows_s(step_ns).tolist() == [6e-9, 6e-9, 6e-9]


def test_a_slow_first_step_is_not_averaged_away() -> None:
    # 100 steps of 128 images, the first takes 10 s, the others run at 1210 images/s.
    step_s = np.array([10.0, *[128 / 1210] * 99])
    assert np.mean(128 / step_s) == pytest.approx(1198, abs=0.5)  # the mistake
    found = throughput(12_800, windows_s(step_s[None] * 1e9), devices=1)
    assert found.images_per_s == pytest.approx(625, abs=0.5)


def test_eight_ranks_report_eight_times_one() -> None:
    # 8 ranks, 10 steps of 32 images in 2 s: 2560 images / 2 s; averaged ranks would say 160.
    found = throughput(8 * 10 * 32, [2.0] * 8, devices=8)
    assert found.images_per_s == 1280
    assert found.images_per_s_per_device == 160


def test_throughput_divides_by_the_longest_window() -> None:
    # Rates of 100 and 50 images/s would total 150; the job is done after 2 s: 200 / 2.
    assert throughput(200, [1.0, 2.0], devices=2).images_per_s == 100


def test_volume_and_time_cover_the_same_steps() -> None:
    # 10 steps of 0.5 s with 16 images: 160 / 5 s = 32. Volume over the mean step: 320.
    step_ns = np.full((1, 10), 0.5e9)
    assert 160 / (step_ns.mean() / 1e9) == 320  # the mistake
    assert throughput(160, windows_s(step_ns), devices=1).images_per_s == 32


def test_warm_up_counted_shows_as_a_mean_above_p99() -> None:
    step_ns = np.full((2, 200), 100e6)
    step_ns[:, 0] = 60e9
    counted, cut = step_times(step_ns), step_times(step_ns[:, 1:])
    assert counted.mean_ms > counted.p99_ms
    assert (cut.mean_ms, cut.p99_ms) == (100, 100)


def test_step_times_by_hand() -> None:
    # Slowest rank: 10, 20, 30, 40, 100 ms. p95 lies at index 3.8: 40 + 0.8·60.
    step_ns = [[10e6, 5e6, 30e6, 1e6, 100e6], [1e6, 20e6, 3e6, 40e6, 1e6]]
    found = step_times(step_ns)
    assert (found.mean_ms, found.p50_ms) == (40, 30)
    assert found.p95_ms == pytest.approx(88)
    assert found.p99_ms == pytest.approx(97.6)
    assert found.jitter_ms == pytest.approx(1.4826 * 10)  # |x - 30|: 0, 10, 10, 20, 70


def test_one_step_has_no_spread() -> None:
    found = step_times([[7e6]])
    assert (found.p50_ms, found.p99_ms, found.jitter_ms) == (7, 7, 0)


def test_phases_by_hand() -> None:
    split = phase_split(
        [[10e6, 12e6], [8e6, 14e6]],
        data_wait_ns=[[1e6, 1e6], [0, 2e6]],
        forward_ns=[[3e6, 3e6], [3e6, 3e6]],
        backward_ns=[[4e6, 6e6], [4e6, 6e6]],
        optimizer_ns=[[1e6, 1e6], [1e6, 1e6]],
    )
    assert (split.step_ms, split.data_wait_ms, split.forward_ms) == (11, 1, 3)
    assert (split.backward_ms, split.optimizer_ms) == (5, 1)


@given(TABLES, st.lists(st.integers(1, 100), min_size=4, max_size=4))
def test_parts_add_up_to_the_step(step_ns: Floats, weights: list[int]) -> None:
    wait, forward, backward, optimizer = (step_ns * w / 400 for w in weights)
    split = phase_split(
        step_ns,
        data_wait_ns=wait,
        forward_ns=forward,
        backward_ns=backward,
        optimizer_ns=optimizer,
    )
    assert split.step_ms == pytest.approx(step_ns.mean() / 1e6)
    parts = (split.data_wait_ms, split.forward_ms, split.backward_ms, split.optimizer_ms)
    assert sum(parts) == pytest.approx(split.step_ms * sum(weights) / 400)


@given(TABLES, st.randoms(use_true_random=False))
def test_the_order_of_ranks_changes_nothing(step_ns: Floats, random: object) -> None:
    shuffled = step_ns[np.random.default_rng(hash(random) % 2**32).permutation(len(step_ns))]
    assert slowest_rank(shuffled).tolist() == slowest_rank(step_ns).tolist()
    assert step_times(shuffled) == step_times(step_ns)
    assert throughput(64, windows_s(shuffled), devices=2) == throughput(
        64, windows_s(step_ns), devices=2
    )


@given(TABLES, st.sampled_from([0.25, 0.5, 2.0, 1024.0]))
def test_slower_by_a_factor_is_slower_by_that_factor(step_ns: Floats, factor: float) -> None:
    before, after = step_times(step_ns), step_times(step_ns * factor)
    assert after.p95_ms == pytest.approx(before.p95_ms * factor)
    rates = [
        throughput(64, windows_s(t), devices=1).images_per_s for t in (step_ns, factor * step_ns)
    ]
    assert rates[0] == pytest.approx(rates[1] * factor)


@given(TABLES)
def test_a_step_is_never_shorter_than_any_rank_took(step_ns: Floats) -> None:
    assert (slowest_rank(step_ns) >= step_ns).all()
    assert slowest_rank(step_ns).sum() / 1e9 >= windows_s(step_ns).max() * (1 - 1e-12)


@pytest.mark.parametrize("wrong", [[1.0, 2.0], [[]], [[1.0, 0.0]], [[1.0, np.nan]], [[-1.0]]])
def test_tables_that_mean_nothing_are_refused(wrong: list[object]) -> None:
    with pytest.raises(ValueError, match="ranks, steps"):
        slowest_rank(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("images", "windows", "devices"), [(0, [1.0], 1), (1, [1.0], 0), (1, [], 1), (1, [0.0], 1)]
)
def test_windows_that_mean_nothing_are_refused(
    images: int, windows: list[float], devices: int
) -> None:
    with pytest.raises(ValueError, match=r"at least 1|positive seconds"):
        throughput(images, windows, devices=devices)


def test_phases_must_match_the_steps() -> None:
    good = [[1.0, 1.0]]
    for bad, word in (([[1.0]], "shape"), ([[1.0, -1.0]], "negative")):
        with pytest.raises(ValueError, match=word):
            phase_split(
                good, data_wait_ns=bad, forward_ns=good, backward_ns=good, optimizer_ns=good
            )
