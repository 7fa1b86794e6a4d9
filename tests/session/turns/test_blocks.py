"""The alternation loop, how long a block lasts, and when there are enough of them."""

import math

import numpy as np
import pytest

from resnext_bench.session.turns.blocks import (
    KNOWN,
    Block,
    Lengths,
    block_length,
    in_turn,
    most_pairs,
    well_known,
)


def logged(names: str) -> tuple[list[str], list[Block]]:
    """Blocks of so many sides; each lasts one second longer than the one before."""
    order: list[str] = []

    def block(name: str) -> Block:
        def run() -> float:
            order.append(name)
            return float(len(order))

        return run

    return order, [block(name) for name in names]


@pytest.mark.parametrize(
    ("names", "rounds", "expected"),
    [("ab", 4, "abbaabba"), ("abc", 3, "abccbaabc"), ("a", 2, "aa")],
)
def test_forth_and_back(names: str, rounds: int, expected: str) -> None:
    order, blocks = logged(names)
    lengths = in_turn(blocks, rounds)
    assert "".join(order) == expected
    assert [len(row) for row in lengths] == [len(names)] * rounds


def test_lengths_stand_in_the_order_of_the_sides() -> None:
    _, blocks = logged("abc")
    assert in_turn(blocks, 3) == [(1, 2, 3), (6, 5, 4), (7, 8, 9)]


@pytest.mark.parametrize("names", ["ab", "abcd"])
def test_a_linear_drift_is_no_sides(names: str) -> None:
    _, blocks = logged(names)
    lengths = in_turn(blocks, 6)
    assert len({sum(row[place] for row in lengths) for place in range(len(names))}) == 1


def test_more_pairs_are_played_in_the_same_order_as_long_as_asked_for() -> None:
    order, blocks = logged("ab")
    seen: list[int] = []

    def more(lengths: Lengths) -> bool:
        seen.append(len(lengths))
        return len(lengths) < 5

    assert len(in_turn(blocks, 3, more=more)) == 5
    assert "".join(order) == "abbaabbaab"
    assert seen == [3, 4, 5], "not before all that were asked for have been played"


def test_blocks_end_when_the_time_is_over() -> None:
    _, blocks = logged("ab")
    asked: list[int] = []

    def over(lengths: Lengths) -> bool:
        asked.append(len(lengths))
        return len(lengths) >= 5

    assert len(in_turn(blocks, 10, over=over)) == 5
    assert asked == [0, 1, 2, 3, 4, 5], "before every round, and after the last"


def test_rounds_that_were_over_before_something_cut_the_rest_are_known() -> None:
    _, (first, second) = logged("ab")
    so_far: Lengths = []

    def cut() -> float:
        if len(so_far) == 2:
            raise KeyboardInterrupt
        return second()

    with pytest.raises(KeyboardInterrupt):
        in_turn([first, cut], 9, so_far=so_far)
    assert so_far == [(1, 2), (4, 3)]


@pytest.mark.parametrize(
    ("step_ms", "short", "steps"),
    [
        (40, False, 25),
        (30, False, 34),
        (5000, False, 3),
        (0.01, False, 1000),
        (40, True, 10),
        (150, True, 7),
        (5000, True, 3),
    ],
)
def test_a_block_lasts_a_second_or_ten_steps_where_it_may(
    step_ms: float, short: bool, steps: int
) -> None:
    assert block_length(int(1e6 * step_ms), may_be_short=short) == steps


def test_room_for_pairs_is_bounded_but_for_those_asked_for() -> None:
    assert most_pairs(10, 10) == 200
    assert most_pairs(10, 1000) == 198
    assert most_pairs(10, 99_999) == 10
    assert most_pairs(500, 10) == 500


def lengths(sd: float, n: int) -> list[tuple[float, float]]:
    ratios = np.random.default_rng(1).normal(0.3, sd, n)
    return [(1.0, math.exp(ratio)) for ratio in ratios]


@pytest.mark.parametrize(("share", "known"), [(0.8, True), (1.25, False)])
def test_a_mean_is_known_by_its_standard_error(share: float, known: bool) -> None:
    """The oracle is the spread of many means, whichever side is faster."""
    n = 400
    sd = share * KNOWN * math.sqrt(n)
    means = np.random.default_rng(2).normal(0, sd, (2000, n)).mean(axis=1)
    assert bool(means.std() < KNOWN) is known
    assert well_known(lengths(sd, n)) is known


def test_rare_slow_blocks_are_scatter() -> None:
    """The median does not see them, and the verdict counts them."""
    quiet = lengths(0.001, 40)
    assert well_known(quiet)
    assert not well_known([(a, 3 * b if turn == 7 else b) for turn, (a, b) in enumerate(quiet)])


def test_what_being_second_costs_is_no_scatter() -> None:
    """5 % more for the later block of each pair: it cancels over a quad."""

    def turned(sd: float) -> list[tuple[float, float]]:
        return [
            (a, b * math.exp(0.05 * (-1) ** turn)) for turn, (a, b) in enumerate(lengths(sd, 400))
        ]

    assert well_known(turned(0.01))
    assert not well_known(turned(0.05))
