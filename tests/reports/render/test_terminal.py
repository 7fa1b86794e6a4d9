"""A report drawn on terminals of any width."""

from resnext_bench.reports.render.model import Column, Flow, Line, Table, summary
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
