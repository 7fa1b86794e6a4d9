"""What profiles of two sides come to, and when they contradict the timed steps."""

from math import log

import msgspec
import pytest

from resnext_bench.reports.figures.profiles import disagreement, headline, profiled_change
from resnext_bench.reports.schema.comparison import Comparison
from resnext_bench.reports.schema.comparison_profile import StepDiff
from resnext_bench.reports.schema.trace_diff import StepInterval
from tests.reports.made_comparisons import made_comparison, spread_around
from tests.reports.made_diffs import made_diff

TIMED = made_comparison(spread_around(log(1.10), 0.002))


def profiled(percent: float, half: float | None = 1.0) -> StepDiff:
    """A step of 10 ms that becomes longer by so much, give or take."""
    found = made_diff()
    delta = round(percent * 100_000)
    interval = None
    if half is not None:
        interval = StepInterval(
            low_ns=(percent - half) * 100_000,
            high_ns=(percent + half) * 100_000,
            confidence_percent=99,
            is_paired=False,
        )
    side = msgspec.structs.replace(found.a, step_ns=10_000_000)
    return msgspec.structs.replace(
        headline(found), a=side, delta_ns=delta, percent=percent, interval=interval
    )


@pytest.mark.parametrize(
    ("percent", "half", "disagrees"),
    [
        (10.0, 1.0, False),
        (12.0, 3.0, False),  # intervals that overlap
        (14.0, 1.0, True),
        (4.0, 1.0, True),
        (-10.0, 1.0, True),
        (4.0, 50.0, False),  # nothing is known of it
        (4.0, None, True),  # one step: whatever it is
    ],
)
def test_both_intervals_have_nothing_in_common(
    percent: float, half: float | None, disagrees: bool
) -> None:
    found = disagreement(TIMED, profiled(percent, half))
    assert (found is not None) is disagrees
    if found:
        assert found.values["profiled"] == pytest.approx(percent)
        assert found.values["timed"] == pytest.approx(10, abs=0.1)


def test_nothing_is_said_without_a_timed_change() -> None:
    unknown = msgspec.structs.replace(TIMED, change=None)
    assert disagreement(unknown, profiled(90.0)) is None


def per_image(a: int, b: int) -> Comparison:
    return msgspec.structs.replace(TIMED, images=(a, b))


def test_per_image_where_the_verdict_is() -> None:
    """Twice the images in 2.2 times the time: 10 % more for each of them, as timed."""
    found = profiled_change(per_image(8, 16), profiled(120.0, 2.0))
    assert found
    assert (found.percent, found.low_percent, found.high_percent) == pytest.approx((10, 9, 11))
    assert disagreement(per_image(8, 16), profiled(120.0, 2.0)) is None
    note = disagreement(per_image(8, 16), profiled(10.0))
    assert note
    assert note.values["of"] == "image"


@pytest.mark.parametrize("top", [0, 1, 5])
def test_what_is_cut_off_is_added_up(top: int) -> None:
    whole = made_diff()
    found = headline(whole, top)
    assert len(found.rows) == min(top, len(whole.rows))
    assert found.others.rows == len(whole.rows) - len(found.rows)
    for of, step in (
        ("a_ns", whole.a.step_ns),
        ("b_ns", whole.b.step_ns),
        ("delta_ns", whole.delta_ns),
    ):
        every = (*found.rows, found.others, *found.rest)
        assert sum(getattr(one, of) for one in every) == step
