"""Numbers and notes as they stand on the page."""

import pytest

from resnext_bench.lab.visit.pages.figures import Figure
from resnext_bench.lab.visit.pages.words import Notes, figure, listed, number
from resnext_bench.reports.render.model import Code, inline


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
    assert notes.told() == ("clocks moved between 1,485–1,500 and 1,980 MHz", "capped")


def test_a_note_is_one_line() -> None:
    notes = Notes()
    assert notes.mark(["RuntimeError:\n    x", "RuntimeError: x"]) == " [1]"
    assert notes.told() == ("RuntimeError: x",)


def test_lists_say_how_many_are_left_out() -> None:
    names = [Code(name) for name in "abc"]
    assert listed(names) == inline(Code("a"), ", ", Code("b"), " and ", Code("c"))
    assert listed(names[:1]) == inline(Code("a"))
    assert listed(names, most=2) == inline(Code("a"), ", ", Code("b"), " and 1 more")
    assert listed([]).text == ""
