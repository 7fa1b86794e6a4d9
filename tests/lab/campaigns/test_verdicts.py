"""The order in which a campaign takes its cases, and what it keeps of a comparison."""

import pytest

from resnext_bench.lab.campaigns.verdicts import change_of, judged_by_median, next_case
from resnext_bench.reports.schema.interval import Range
from tests.reports.made_comparisons import made_comparison


def rows(*verdicts: str) -> list[dict[str, str]]:
    return [{"verdict": verdict} for verdict in verdicts]


def test_the_case_of_which_least_is_done_comes_next() -> None:
    wanted = {"aa": 4, "slower-2": 2}
    assert next_case(wanted, {"aa": [], "slower-2": []}) == "aa"
    assert next_case(wanted, {"aa": rows("same"), "slower-2": []}) == "slower-2"
    assert next_case(wanted, {"aa": rows("same"), "slower-2": rows("slower")}) == "aa"


def test_invalid_ones_are_taken_again() -> None:
    assert next_case({"aa": 1}, {"aa": rows("invalid")}) == "aa"
    assert next_case({"aa": 1}, {"aa": rows("invalid", "same")}) is None


def test_nothing_is_wanted() -> None:
    assert next_case({"aa": 0}, {"aa": []}) is None


def test_the_change_that_is_kept() -> None:
    change = Range(percent=2.12345, low_percent=1.0, high_percent=3.0, confidence_percent=99.0)
    assert change_of(made_comparison(change=change)) == {"percent": 2.123, "low": 1.0, "high": 3.0}
    assert change_of(made_comparison(change=None)) == dict.fromkeys(("percent", "low", "high"))


@pytest.mark.parametrize(
    ("total", "middle", "word"),
    [(0.5, 0.0, "same"), (0.0, 0.05, "slower"), (0.0, -0.05, "faster")],
)
def test_the_median_step_is_blind_to_the_others(total: float, middle: float, word: str) -> None:
    effects = [[total + 0.001 * at, middle + 0.001 * (-1) ** at] for at in range(6)]
    assert judged_by_median(effects) == word


def test_too_few_sessions_tell_nothing() -> None:
    assert judged_by_median([[0.0, 0.0]] * 3) == "can't tell"
