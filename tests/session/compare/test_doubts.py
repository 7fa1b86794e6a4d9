"""Step times that can hardly be ns: by the wall clock, the other side, and earlier launches."""

import pytest

from resnext_bench.reports.schema.notes import note
from resnext_bench.session.compare.doubts import (
    doubts_of_earlier,
    doubts_of_launch,
    doubts_of_sides,
    notes_of_launch,
)
from tests.reports.made_comparisons import made_pair

NS = [10_000_000 + 7 * step for step in range(60)]
"""Sixty steps of 10 ms."""


@pytest.mark.parametrize(
    ("unit", "lasted_s", "kind"),
    [
        (1000, 0.9, "steps_too_short"),
        (1_000_000, 0.9, "steps_too_short"),
        (1e9, 0.9, "steps_too_short"),
        (1000, 0.35, "steps_too_short"),  # others' clocks, and launches that end before their steps
        (1e-3, 0.9, "steps_too_long"),
        (1e-3, 20.0, "steps_too_long"),
    ],
)
def test_another_unit_is_questioned_in_both_directions(
    unit: float, lasted_s: float, kind: str
) -> None:
    (doubt,) = doubts_of_launch([max(1, round(step / unit)) for step in NS], lasted_s)
    assert (doubt.kind, doubt.values["steps"], doubt.values["lasted_s"]) == (kind, 60, lasted_s)


@pytest.mark.parametrize("lasted_s", [0.1, 0.6, 5.0, 60.0, 290.0])
def test_long_starts_and_several_ranks_are_not(lasted_s: float) -> None:
    assert doubts_of_launch(NS, lasted_s) == ()


def test_a_little_more_than_the_launch_is_noted() -> None:
    assert notes_of_launch(NS, 0.55, 2.0) == (note("steps_exceed_launch"),)
    assert notes_of_launch(NS, 0.05, 2.0) == (), "this one does not count at all"
    assert notes_of_launch(NS, 1.0, 2.0) == ()


@pytest.mark.parametrize(
    ("steps", "tick_ns", "percent"),
    [
        ([9, 10] * 30, 1, 100 / 9.5),
        ([9_000_000, 10_000_000, 10_000_000] * 20, 1_000_000, 10),
        ([10_000_000] * 60, 10_000_000, 100),
        ([40, 41, 43] * 20, 1, 100 / 41),
    ],
)
def test_a_coarse_clock_is_noted(steps: list[int], tick_ns: int, percent: float) -> None:
    (found,) = notes_of_launch(steps, 60.0, 2.0)
    assert (found.kind, found.values["tick_ns"]) == ("clock_too_coarse", tick_ns)
    assert found.percent == pytest.approx(percent)
    assert (found.values["lengths"], found.values["margin"]) == (len(set(steps)), 2.0)


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
        assert doubt.kind == "sides_in_other_units"
        assert doubt.values["factor"] == pytest.approx(factor)


def test_a_large_change_that_the_clock_bears_out() -> None:
    """A GPU against a CPU: steps of 1 s where 300 steps of 1 ms took half of a launch of 0.6 s."""
    assert doubts_of_sides((1.0, 1000.0), (0.3, 300.0), (0.6, 302.0)) == ()
    assert doubts_of_sides((10.0, 600.0), (0.6, 36.0), (60.0, 90.0)) == ()


@pytest.mark.parametrize("factor", [1e3, 1e-3, 1e6])
def test_launches_of_one_side_among_themselves(factor: float) -> None:
    earlier = [made_pair(1), made_pair(2, invalid=("a: are they ns?",), step_ms=(1e-5, 10.0))]
    (doubt,) = doubts_of_earlier((10.0 * factor, 10.0), earlier)
    assert (doubt.kind, doubt.values["of"]) == ("unlike_earlier", "a")
    assert doubt.values["before_ms"] == pytest.approx(10)
    both = doubts_of_earlier((10.0 * factor, 10.0 * factor), earlier)
    assert [told.values["of"] for told in both] == ["a", "b"]


def test_launches_that_agree_or_are_the_first() -> None:
    assert doubts_of_earlier((10.0, 10.0), []) == ()
    assert doubts_of_earlier((30.0, 5.0), [made_pair(1)]) == ()
