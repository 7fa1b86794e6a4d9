"""Who is slow: named where chance does not explain it, and nobody where it does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resnext_bench.reports.stats.stragglers import MARGIN_LOG, Floats, beyond_others, skews


def noise(seed: int, ranks: int, steps: int, sd: float, ar: float = 0.0) -> Floats:
    """Log times around 0, each step like the one before."""
    random = np.random.default_rng(seed)
    drawn = random.normal(scale=sd, size=(ranks, steps))
    for step in range(1, steps):
        drawn[:, step] = ar * drawn[:, step - 1] + np.sqrt(1 - ar**2) * drawn[:, step]
    return drawn


@given(
    st.integers(0, 10**6),
    st.integers(2, 64),
    st.integers(3, 40),
    st.sampled_from((0.002, 0.01, 0.05)),
    st.sampled_from((2.0, 1.2, 1.05)),
    st.data(),
)
@settings(deadline=None)
def test_a_planted_straggler_is_named_where_it_exceeds_the_scatter(
    seed: int, ranks: int, steps: int, sd: float, factor: float, data: st.DataObject
) -> None:
    """What is common to all ranks in a step does not matter, however much it varies."""
    table = noise(seed, ranks, steps, sd) + noise(seed + 1, 1, steps, 0.5)
    before = skews(np.exp(table))
    assert before.named.tolist() == []
    slow = data.draw(st.integers(0, ranks - 1))
    table[slow] += np.log(factor)
    found = skews(np.exp(table))
    assert set(found.named.tolist()) <= {slow}
    if np.log(factor) > 2 * max(before.scatter[slow], MARGIN_LOG):
        assert found.named.tolist() == [slow]


@pytest.mark.parametrize(("ranks", "steps"), [(2, 5), (2, 20), (8, 4), (8, 20), (64, 10)])
@pytest.mark.parametrize("ar", [0.0, 0.7])
def test_few_false_alarms(ranks: int, steps: int, ar: float) -> None:
    """One in a thousand of independent steps; a few in a hundred where they are much alike."""
    drawn = [noise(seed, ranks, steps, 0.05, ar) for seed in range(200)]
    alarms = sum(bool(len(skews(np.exp(one)).named)) for one in drawn)
    assert alarms <= (2 if ar == 0 else 16)


@pytest.mark.parametrize(("ranks", "steps"), [(4, 3), (16, 2), (16, 3), (16, 4), (64, 3), (16, 6)])
def test_a_rank_that_scatters_far_more_is_not_slow(ranks: int, steps: int) -> None:
    """Its few steps may be alike by chance; judged by all steps as one, 5 to 47 of 1000 were."""
    alarms = 0
    for seed in range(400):
        table = noise(seed, ranks, steps, 0.01)
        table[seed % ranks] *= 10
        alarms += bool(len(skews(np.exp(table)).named))
    assert alarms <= 2


@pytest.mark.parametrize(("ranks", "steps", "percent"), [(4, 3, 60), (8, 3, 30), (8, 4, 12)])
def test_what_three_steps_still_tell(ranks: int, steps: int, percent: float) -> None:
    """Steps that scatter by 0.5 %: most slow ranks of so many per cent are named."""
    named = 0
    for seed in range(50):
        table = noise(seed, ranks, steps, 0.005)
        table[1] += np.log(1 + percent / 100)
        named += skews(np.exp(table)).named.tolist() == [1]
    assert named >= 40


def test_scatter_that_more_steps_reduce() -> None:
    few, many = (skews(np.exp(noise(1, 8, steps, 0.05))).scatter for steps in (5, 50))
    assert many.max() < few.min() / 2


def test_one_slow_step_is_no_slow_rank() -> None:
    table = noise(3, 16, 10, 0.01)
    table[5, 7] += np.log(10)
    found = skews(np.exp(table))
    assert found.named.tolist() == []
    assert found.named_in_steps.tolist() == [-1] * 7 + [5] + [-1] * 2


def test_a_slow_rank_stands_out_in_its_steps() -> None:
    table = noise(3, 16, 10, 0.01)
    table[5] += np.log(1.2)
    assert skews(np.exp(table)).named_in_steps.tolist() == [5] * 10


def test_two_slow_ranks_are_both_named_the_slower_first() -> None:
    table = noise(4, 8, 20, 0.01)
    table[2] += np.log(1.2)
    table[6] += np.log(1.5)
    assert skews(np.exp(table)).named.tolist() == [6, 2]


def test_half_of_the_ranks_may_be_slow() -> None:
    table = noise(4, 8, 20, 0.01)
    table[4:] += np.log(1.2)
    assert sorted(skews(np.exp(table)).named.tolist()) == [4, 5, 6, 7]


def test_what_is_not_worth_naming_is_not() -> None:
    table = noise(5, 4, 200, 0.0005)
    table[1] += np.log(1.005)
    found = skews(np.exp(table))
    assert found.skew[1] > found.scatter[1]
    assert found.named.tolist() == []


def test_one_step_names_nobody() -> None:
    found = skews([[1.0], [5.0]])
    assert found.named.tolist() == []
    assert found.named_in_steps.tolist() == [-1]
    assert found.smallest == np.inf


@pytest.mark.parametrize("ranks", [2, 3, 4, 7, 8])
def test_others_are_all_but_oneself(ranks: int) -> None:
    values = np.random.default_rng(ranks).integers(0, 4, size=(ranks, 50)).astype(np.float64)
    expected = [
        values[at] - np.median(np.delete(values, at, axis=0), axis=0) for at in range(ranks)
    ]
    assert (beyond_others(values) == np.array(expected)).all()


@pytest.mark.parametrize("odd", [[[1.0, 2.0]], [[1.0], [0.0]], [1.0, 2.0], np.ones((2, 0))])
def test_what_is_no_table_is_refused(odd: object) -> None:
    with pytest.raises(ValueError, match="2 or more ranks"):
        skews(odd)  # type: ignore[arg-type]
