"""Page faults of scripts: when they leave a change untold."""

from math import log

import pytest

from resnext_bench.reports.figures.page_faults import FAULT_US, faults_of
from resnext_bench.reports.schema.comparison import Launch, Pair
from tests.reports.made_comparisons import SPREAD, judged, made_comparison, made_pair


def scripts(effect: float, a: float | None, b: float | None) -> list[Pair]:
    """Eight sessions of 10 ms a step, with so many faults in a step of either side."""
    launches = tuple(Launch(steps=60, cut=0, faults_per_step=one) for one in (a, b))
    return [
        made_pair(number, effect + 0.002 * one, launches=launches)
        for number, one in enumerate(SPREAD, 1)
    ]


ONE_PERCENT = 10_000 / FAULT_US / 100
"""Faults that take 1 % of a step of 10 ms."""


@pytest.mark.parametrize(
    ("percent", "more", "word"),
    [
        (-8.0, -6.0, "can't tell"),  # b is faster, and has fewer faults: the heap may have done it
        (-8.0, -3.0, "faster"),  # they account for less than half of it
        (-8.0, +6.0, "faster"),  # in spite of its faults
        (+8.0, +6.0, "can't tell"),
        (+8.0, +0.4, "slower"),  # too few to matter
        (+8.0, None, "slower"),  # not seen
    ],
)
def test_a_change_that_faults_may_be(percent: float, more: float | None, word: str) -> None:
    b = None if more is None else (10 + more) * ONE_PERCENT
    found = judged(scripts(log(1 + percent / 100), 10 * ONE_PERCENT, b), "relaunch")
    assert found.word == word
    assert ("page faults" in found.why) is (word == "can't tell")


def test_sides_that_are_the_same_stay_the_same() -> None:
    found = judged(scripts(0.0, 10 * ONE_PERCENT, 12 * ONE_PERCENT), "relaunch")
    assert found.word == "same"


def test_the_reason_stands_in_the_first_line() -> None:
    from resnext_bench.reports.render.sentences import verdict_line, what_to_do

    pairs = scripts(log(0.92), 10 * ONE_PERCENT, 4 * ONE_PERCENT)
    record = made_comparison(pairs, "relaunch")
    assert verdict_line(record).startswith(
        "can't tell b from a: a step of a has 857 more page faults"
    )
    (advice,) = what_to_do(record)
    assert advice.startswith("what would help: ")


def test_runs_of_ours_tell_none() -> None:
    assert faults_of([made_pair(1)]) is None
