"""Tables, their notes, and what stands above them."""

from resnext_bench.lab.visit.pages.tables import headed, introduced, table
from resnext_bench.lab.visit.pages.words import Notes
from resnext_bench.reports.render.model import Footnotes, Heading, Paragraph, Table, rows_of


def test_notes_that_rows_take_follow_their_table() -> None:
    notes = Notes()
    marked = ((f"{name}{notes.mark([name])}", "1") for name in ("cut", "capped"))
    one, below = table(("what", "n"), marked, title="made", notes=notes)
    assert isinstance(one, Table)
    assert (one.title, [column.name for column in one.columns]) == ("made", ["what", "n"])
    assert rows_of(one) == [("cut [1]", "1"), ("capped [2]", "1")]
    assert below == Footnotes(texts=("cut", "capped"))


def test_without_rows_there_is_nothing_above_them_either() -> None:
    assert not [*table(("what", "n"), [], notes=Notes())]
    assert not [*headed("Made", introduced("In turn:", table(("what", "n"), [])))]


def test_what_stands_above_a_table() -> None:
    found = [*headed("Made", introduced("In turn:", table(("n",), [("1",)])))]
    assert found[:2] == [Heading(text="Made", level=3), Paragraph(text="In turn:")]
    assert len(found) == 3
