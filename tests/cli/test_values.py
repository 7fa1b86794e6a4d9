"""Numbers and words as typed, and that what is allowed is what the program knows."""

from contextlib import suppress
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.cli.main import app
from resnext_bench.cli.values import number, one_of, several, whole
from resnext_bench.data_formats import written
from resnext_bench.errors import UsageError
from resnext_bench.reports.trace.sql import FORMATS
from resnext_bench.resnext.traffic import Dtype, Layout
from resnext_bench.session.compare.script import Wanted

NO_NUMBERS = ("", "x", "2.5", "-1", "+2", "1_0", " 2", "٣", "²", "9" * 5000, "nan", "1e2")


def test_bounds_are_allowed() -> None:
    read = whole("--n", 2, 1000)
    assert [read("2"), read("1000"), read(7)] == [2, 1000, 7]
    assert number("--x", 0.5, 2)("0.5") == 0.5
    assert several(read)("3, 2") == [3, 2]


@pytest.mark.parametrize("text", [*NO_NUMBERS, "1", "1001"])
def test_no_whole_number_within_bounds(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        whole("--n", 2, 1000)(text)
    assert str(refused.value) == (f"--n {text}: a whole number from 2 to 1,000 is needed")


def test_without_a_highest() -> None:
    assert whole("--n", 0)(str(10**30)) == 10**30
    with pytest.raises(UsageError, match=r"of at least 0 is needed"):
        whole("--n", 0)("-1")


@given(st.text() | st.floats().map(str))
def test_what_is_read_is_within_bounds(text: str) -> None:
    with suppress(UsageError):
        assert 0.01 <= number("--x", 0.01, 50)(text) <= 50


def test_only_the_listed_words_are_read() -> None:
    read = one_of("--with", "a", "b")
    assert read("b") == "b"
    with pytest.raises(UsageError, match="--with c: choose from a, b"):
        read("c")


@pytest.mark.parametrize(
    ("command", "option", "known"),
    [
        ("compare", "design", get_args(Wanted)),
        ("models roofline", "dtype", get_args(Dtype)),
        ("models roofline", "layout", get_args(Layout)),
        ("trace query", "export", tuple(FORMATS)),
        ("data pack", "format", tuple(written())),
    ],
)
def test_declared_without_loading_what_knows_them(
    command: str, option: str, known: tuple[str, ...]
) -> None:
    import typer

    found = typer.main.get_command(app)
    for name in command.split():
        found = found.commands[name]
    (declared,) = (one for one in found.params if one.name == option)
    assert declared.metavar == f"[{'|'.join(known)}]"
