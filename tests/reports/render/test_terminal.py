"""A report drawn on terminals of any width."""

import pytest

from resnext_bench.reports.render.model import (
    Bullets,
    Code,
    Column,
    Flow,
    Fold,
    Footnotes,
    Heading,
    Line,
    Link,
    Note,
    Paragraph,
    Picture,
    Strong,
    Table,
    inline,
    summary,
)
from tests.reports.drawn import drawn


def lines(pieces: tuple[str, ...], width: int) -> list[str]:
    """Of a value in a summary, whose frame and name take nine characters."""
    report = [summary([("both", Flow(pieces=pieces))])]
    shown = drawn(report, width + 11)[1:-1]
    return [line.split("│")[2].strip() for line in shown]


def test_lines_end_with_commas() -> None:
    pieces = ("eight words", "of two each", "and so", "on, and on")
    assert lines(pieces, 80) == ["eight words, of two each, and so, on, and on"]
    assert lines(pieces, 25) == ["eight words, of two each,", "and so, on, and on"]
    assert lines(pieces, 24) == ["eight words,", "of two each, and so,", "on, and on"]


def test_a_piece_wider_than_the_line_is_broken_between_words() -> None:
    assert lines(("fp16 autocast with gradient scaler", "sgd"), 24) == [
        "fp16 autocast with",
        "gradient scaler,",
        "sgd",
    ]


def test_nothing_at_all() -> None:
    assert lines((), 20) in ([], [""])


WIDE = Table(
    columns=(
        Column(name="run"),
        Column(name="status"),
        Column(name="images/s", is_number=True, goes=2),
        Column(name="ms/step", is_number=True, goes=1),
    ),
    groups=((("20260301-a", "ok", "1,234.5", "18.2"),),),
)


def test_columns_go_where_there_is_no_room_the_last_one_first() -> None:
    assert drawn([WIDE], 80)[0].split() == ["run", "status", "images/s", "ms/step"]
    assert drawn([WIDE], 28)[0].split() == ["run", "status", "images/s"]
    assert drawn([WIDE], 18)[0].split() == ["run", "status"]


def test_commands_are_never_folded() -> None:
    command = "resnext-bench compare --resume 20260301-120000-compare-c0de"
    assert drawn([Line(text=command, is_command=True)], 30, uncut=command) == [command]


def test_nothing_is_taken_for_markup() -> None:
    report = [Line(text="[red]x", label="[b]"), summary([("[i]", "[/]")])]
    assert drawn(report, 60)[0] == "[b] [red]x"
    assert "[i]" in drawn(report, 60)[2]


def test_a_page_reads_as_one() -> None:
    page = [
        Heading(text="Results [of x]", level=1),
        Paragraph(text=inline("By ", Code("nox -s docs"), ", ", Strong("at once"), ".")),
        Table(columns=(Column(name="n"),), groups=((("cut [1]",),),)),
        Footnotes(texts=("after 2 rounds",)),
        Heading(text="Below", level=2),
        Picture(path="gpu/a.svg", alternative="rates"),
    ]
    assert drawn(page, 60) == [
        "Results [of x]",
        "",
        "By nox -s docs, at once.",
        "n",
        "───────",
        "cut [1]",
        "[1] after 2 rounds",
        "",
        "Below",
        "",
        "picture: rates (gpu/a.svg)",
    ]


def test_items_hang_behind_their_marks() -> None:
    assert drawn([Bullets(items=("one two three", "four"))], 10) == [
        "- one two",
        "  three",
        "- four",
    ]
    assert drawn([Footnotes(texts=("one two three",))], 12) == ["[1] one two", "    three"]


def test_what_is_folded_elsewhere_is_shown() -> None:
    fold = Fold(summary="The same in fp32", sections=(Paragraph(text="rates"),))
    assert drawn([fold], 40) == ["The same in fp32", "rates"]


def test_an_address_is_told_where_its_words_do_not() -> None:
    words = inline(Link("the kit", to="../kit.md"), " and ", Link("a.md", to="a.md"))
    assert drawn([Paragraph(text=words)], 60) == ["the kit (../kit.md) and a.md"]


def test_texts_in_tables_are_measured_as_they_are_shown() -> None:
    link = inline(Link("report", to="reports/of/a/run.md"))
    table = Table(
        columns=(Column(name=inline(Code("name"))), Column(name="more", may_fold=True)),
        groups=(((link, inline(Strong("some"), " more words")),),),
    )
    shown = drawn([table, summary([("at", link)])], 40)
    assert shown[0].split() == ["name", "more"]
    assert shown[2].startswith("report (reports/of/a/run.md)")
    assert "│ at │ report (reports/of/a/run.md) │" in shown


def test_notes_go_with_their_columns() -> None:
    table = Table(
        columns=(
            Column(name="ms", is_number=True),
            Column(name="again", is_number=True, goes=1),
            Column(name="name", is_name=True),
        ),
        groups=(("1.00", "2.00", "a long name of a module"),),
        notes=(
            Note(text="again: a second time", columns=("again",)),
            Note(text="ms: one or other", columns=("ms", "GB/s")),
            Note(text="always"),
        ),
    )
    wide = Table(columns=table.columns, groups=(table.groups,), notes=table.notes)
    assert drawn([wide], 80)[-4:] == ["again: a second time", "ms: one or other", "always", ""]
    assert drawn([wide], 34)[-3:] == ["ms: one or other", "always", ""]


@pytest.mark.parametrize(("width", "is_told"), [(80, False), (12, True)])
def test_numbered_names_are_explained(width: int, is_told: bool) -> None:
    both = ((one, other) for one in "abc" for other in "abc")
    names = tuple((f"{'x' * 20}{one}{'y' * 20}{other}",) for one, other in both)
    table = Table(columns=(Column(name="name", is_name=True),), groups=(names,), alike="#: alike")
    assert ("#: alike" in drawn([table], width)) is is_told
