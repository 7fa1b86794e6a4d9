"""Step times that can hardly be ns: by the wall clock, the other side, and earlier launches."""

import pytest

from resnext_bench.session.compare.doubts import (
    DOUBTFUL,
    doubts_of_earlier,
    doubts_of_launch,
    doubts_of_sides,
    notes_of_launch,
)
from tests.reports.made_comparisons import made_pair

NS = [10_000_000 + 7 * step for step in range(60)]
"""Sixty steps of 10 ms."""


@pytest.mark.parametrize(
    ("unit", "lasted_s", "words"),
    [
        (1000, 0.9, "add up to 600 µs of a launch that took 0.9 s: are they ns? (if they are,"),
        (1_000_000, 0.9, "add up to 600 ns of a launch that took 0.9 s: are they ns?"),
        (1e9, 0.9, "are they ns?"),
        (1000, 0.35, "are they ns?"),  # others' clocks, and launches that end before their steps
        (1e-3, 0.9, "add up to 600 s of a launch that took 0.9 s: are they ns, one line a step"),
        (1e-3, 20.0, "add up to 600 s of a launch that took 20 s: are they ns, one line a step"),
    ],
)
def test_another_unit_is_questioned_in_both_directions(
    unit: float, lasted_s: float, words: str
) -> None:
    (doubt,) = doubts_of_launch([max(1, round(step / unit)) for step in NS], lasted_s)
    assert "all 60 steps" in doubt
    assert words in doubt


@pytest.mark.parametrize("lasted_s", [0.1, 0.6, 5.0, 60.0, 290.0])
def test_long_starts_and_several_ranks_are_not(lasted_s: float) -> None:
    assert doubts_of_launch(NS, lasted_s) == ()


def test_a_little_more_than_the_launch_is_noted() -> None:
    assert notes_of_launch(NS, 0.55, 2.0) == (DOUBTFUL,)
    assert notes_of_launch(NS, 0.05, 2.0) == (), "this one does not count at all"
    assert notes_of_launch(NS, 1.0, 2.0) == ()


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([9, 10] * 30, "multiples of 1 ns, which is 11 % of one: the clock is too coarse"),
        ([9_000_000, 10_000_000, 10_000_000] * 20, "multiples of 1,000,000 ns, which is 10 % of"),
        ([10_000_000] * 60, "all steps are equally long: the clock is too coarse for a margin of"),
        ([40, 41, 43] * 20, "multiples of 1 ns, which is 2.4 % of one"),
    ],
)
def test_a_coarse_clock_is_noted(steps: list[int], words: str) -> None:
    (note,) = notes_of_launch(steps, 60.0, 2.0)
    assert words in note
    assert note.endswith("margin of 2 %")


def test_a_clock_that_ticks_often_enough() -> None:
    assert notes_of_launch([5_000_000, 5_001_000, 5_002_000] * 20, 60.0, 2.0) == ()
    assert notes_of_launch([9_000_000, 10_000_000] * 20, 60.0, 50.0) == (), "a large margin"


@pytest.mark.parametrize("factor", [1e3, 1e6, 1e9, 400.0, 5e3])
def test_sides_of_different_units(factor: float) -> None:
    """Whichever it is, and whatever its own launch says."""
    for place in (0, 1):
        typical = [10.0, 10.0]
        typical[place] /= factor
        sums = (0.06 * typical[0], 0.06 * typical[1])
        (doubt,) = doubts_of_sides((typical[0], typical[1]), sums, (1.0, 1.0))
        assert doubt.endswith("are both in ns?")


def test_a_large_change_that_the_clock_bears_out() -> None:
    """A GPU against a CPU: steps of 1 s where 300 steps of 1 ms took half of a launch of 0.6 s."""
    assert doubts_of_sides((1.0, 1000.0), (0.3, 300.0), (0.6, 302.0)) == ()
    assert doubts_of_sides((10.0, 600.0), (0.6, 36.0), (60.0, 90.0)) == ()


@pytest.mark.parametrize("factor", [1e3, 1e-3, 1e6])
def test_launches_of_one_side_among_themselves(factor: float) -> None:
    earlier = [made_pair(1), made_pair(2, invalid=("a: are they ns?",), step_ms=(1e-5, 10.0))]
    (doubt,) = doubts_of_earlier((10.0 * factor, 10.0), earlier)
    assert doubt.startswith("a step of a takes ")
    assert "and took 10 ms in earlier launches" in doubt
    both = doubts_of_earlier((10.0 * factor, 10.0 * factor), earlier)
    assert [told[:11] for told in both] == ["a step of a", "a step of b"]


def test_launches_that_agree_or_are_the_first() -> None:
    assert doubts_of_earlier((10.0, 10.0), []) == ()
    assert doubts_of_earlier((30.0, 5.0), [made_pair(1)]) == ()
