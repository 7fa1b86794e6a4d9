"""Rates, ratios and their intervals; what is wrong is not among them."""

import msgspec
import numpy as np
import pytest
from scipy import stats

from resnext_bench.lab.visit.pages.figures import Figure, rounds, timed
from tests.lab.visit.pages.made import contest, task

RATES = {"a": 2000.0, "b": 1000.0}


def test_a_rate_is_units_over_the_geometric_mean_of_seconds() -> None:
    found = contest("images", RATES)
    rate = timed(task(found), 0.99).rate("a")
    logs = np.log([found["units"][0] / row[0] for row in found["seconds"]])
    half = stats.t.ppf(0.995, 5) * logs.std(ddof=1) / np.sqrt(6)
    assert rate is not None
    assert rate.n == 6
    assert rate.estimate == pytest.approx(np.exp(logs.mean()))
    assert (rate.low, rate.high) == pytest.approx(
        (np.exp(logs.mean() - half), np.exp(logs.mean() + half))
    )


def test_a_ratio_is_paired() -> None:
    """What all sides of a round have in common does not widen it."""
    found = contest("images", RATES, noise=1e-4)
    for row, shared in zip(found["seconds"], (1.0, 1.5, 0.8, 1.1, 1.3, 0.9), strict=True):
        row[:] = [shared * one for one in row]
    one = timed(task(found), 0.99)
    rate, ratio = one.rate("a"), one.ratio("a", "b")
    assert rate is not None
    assert ratio is not None
    assert ratio.estimate == pytest.approx(2.0, rel=1e-3)
    assert ratio.high is not None
    assert rate.high is not None
    assert ratio.high / ratio.estimate < 1.001 < 1.1 < rate.high / rate.estimate
    assert ratio.is_above_one


def test_one_round_has_no_interval() -> None:
    found = contest("images", RATES, rounds=1)
    rate = timed(task(found), 0.99).rate("a")
    assert rate is not None
    assert (rate.low, rate.high, rate.n) == (None, None, 1)
    assert not rate.is_above_one


def test_the_inverse_swaps_the_ends() -> None:
    one = Figure(estimate=2.0, low=1.0, high=4.0, n=3).inverse.times(8)
    assert (one.low, one.estimate, one.high) == (2.0, 4.0, 8.0)


@pytest.mark.parametrize(
    ("wrong", "left"),
    [
        ("a 1: off by 3e-01", ["a 12", "a 1, b"]),
        ("product in a 12: off by 3e-01", ["a 1", "a 1, b"]),
        ("something is not what it was", []),
    ],
)
def test_a_wrong_side_is_left_out_or_all(wrong: str, left: list[str]) -> None:
    found = contest("images", {"a 1": 1.0, "a 12": 1.0, "a 1, b": 1.0})
    assert list(timed(task(found, wrong=(wrong,)), 0.99).sides) == left


def test_a_poisoned_choice_is_left_out() -> None:
    found = contest("calls", RATES) | {"choices": {"b": {"poisoned": True}}}
    assert timed(task(found), 0.99).sides == ("a",)


@pytest.mark.parametrize(
    "found", [{}, {"sides": ["a"]}, {"seconds": 3.0}, {"sides": ["a"], "units": [1], "seconds": []}]
)
def test_nothing_to_show(found: dict[str, object]) -> None:
    one = timed(task(found), 0.99)
    assert rounds(task(found)) == 0
    assert one.rate("a") is None
    assert one.ratio("a", "b") is None
    assert one.fastest() is None


def test_it_survives_a_file() -> None:
    one = task(contest("images", RATES))
    again = msgspec.json.decode(msgspec.json.encode(one), type=type(one))
    assert timed(again, 0.99).rate("a") == timed(one, 0.99).rate("a")
