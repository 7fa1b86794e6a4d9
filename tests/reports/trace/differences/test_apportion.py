"""Whole nanoseconds that add up."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from resnext_bench.reports.trace.differences.apportion import apportioned, mean_ns

totals = st.lists(st.integers(-(10**6), 10**9), min_size=1, max_size=12)


@settings(max_examples=50)
@given(totals=totals, steps=st.integers(1, 9), more=st.integers(-2, 2))
def test_they_add_up_and_are_close(totals: list[int], steps: int, more: int) -> None:
    whole = mean_ns(sum(totals), steps) + more
    found = apportioned(totals, steps, whole)
    assert int(found.sum()) == whole
    for one, total in zip(found.tolist(), totals, strict=True):
        assert abs(one - Fraction(total, steps)) < 1 + abs(more)


@settings(max_examples=50)
@given(total=st.integers(-(10**9), 10**9), steps=st.integers(1, 99))
def test_a_mean_is_rounded(total: int, steps: int) -> None:
    assert abs(mean_ns(total, steps) - Fraction(total, steps)) <= Fraction(1, 2)


def test_whole_means_stay() -> None:
    assert apportioned([30, 60, -90], 3, 0).tolist() == [10, 20, -30]


def test_nothing() -> None:
    assert apportioned([], 3, 0).tolist() == []
