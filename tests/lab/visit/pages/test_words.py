"""Numbers and notes as they stand on the page."""

import pytest

from resnext_bench.lab.visit.pages.figures import Figure
from resnext_bench.lab.visit.pages.words import Notes, figure, number, table


@pytest.mark.parametrize(
    ("value", "text"),
    [(1949.6, "1,950"), (312.44, "312.4"), (1.31249, "1.312"), (0.0042, "0.004"), (0.0, "0")],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_figures() -> None:
    assert figure(Figure(estimate=1950.2, low=1942, high=1958.4)) == "1,950 (1,942 to 1,958)"
    assert figure(Figure(estimate=1.3)) == "1.300 (–)"
    assert figure(Figure(estimate=1.0, low=0.1, high=1.1, n=2)) == "1.000 (–)"
    assert figure(None) == "–"


def test_notes_that_differ_in_numbers_share_one() -> None:
    notes = Notes()
    assert notes.mark(["clocks moved between 1,500 and 1,980 MHz", "capped"]) == " [1, 2]"
    assert notes.mark(["clocks moved between 1,485 and 1,980 MHz"]) == " [1]"
    assert notes.mark([]) == ""
    assert notes.text() == ("[1] clocks moved between 1,485–1,500 and 1,980 MHz  \n[2] capped")


def test_a_table() -> None:
    assert table(("a", "b"), [("1|2", "x\ny")]).splitlines()[2] == "| 1\\|2 | x y |"
    assert table(("a", "b"), []) == ""
