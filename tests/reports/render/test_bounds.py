"""Intervals in words, and those that say nothing."""

import pytest

from resnext_bench.reports.render.bounds import NOTHING, bounds_percent, span


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (1.24, 3.4, "1.2 to 3.4"),
        (1.0, 99.9, "1.0 to 99.9"),
        (1.0, 100.0, NOTHING),
        (0.0, 5e38, NOTHING),
        (-1.0, 2.0, NOTHING),
    ],
)
def test_ends_a_hundred_times_apart_bound_nothing(low: float, high: float, told: str) -> None:
    assert span(low, high, "{:.1f}".format) == told


@pytest.mark.parametrize(
    ("low", "high", "says"), [(-5.0, 7.0, True), (-99.35, 16_693.85, False), (-100.0, 3.0, False)]
)
def test_changes_in_per_cent(low: float, high: float, says: bool) -> None:
    assert bounds_percent(low, high) is says
