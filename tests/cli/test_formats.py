"""Formats of a report: what is typed, and what a command gets of it."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from resnext_bench.cli import options as opt
from resnext_bench.cli.formats import FORMATS, Format, format_of
from resnext_bench.cli.main import app
from resnext_bench.errors import UsageError
from tests.cli.typed import Typed

toy = typer.Typer()


@toy.command()
@opt.in_formats
def show(fruit: str, drawn: Format = "table", ripe: bool = False) -> None:
    """Show a fruit."""
    typer.echo(f"{fruit} {drawn} {ripe}")


def helps(command: Any) -> Iterator[dict[str, str]]:
    """Yield the helps of the options of this command and of all below it."""
    yield {one.name: one.help for one in command.params}
    for inner in getattr(command, "commands", {}).values():
        yield from helps(inner)


@pytest.mark.parametrize("asked", ["table", *FORMATS])
def test_a_command_gets_the_format_that_was_asked_for(asked: str) -> None:
    option = () if asked == "table" else (f"--{asked}",)
    done = CliRunner().invoke(toy, ["pear", *option, "--ripe"])
    assert (done.output, done.exit_code) == (f"pear {asked} True\n", 0)


def test_options_of_formats_stand_where_the_command_takes_the_format() -> None:
    names = [one.name for one in typer.main.get_command(toy).params]
    assert names[: 2 + len(FORMATS)] == ["fruit", *FORMATS, "ripe"]


def test_formats_exclude_each_other() -> None:
    with pytest.raises(UsageError) as refused:
        format_of(["json", "markdown"])
    assert str(refused.value) == ("--json and --markdown exclude each other; give only one of them")


@pytest.mark.parametrize(
    "command",
    [["run"], ["compare"], ["models", "list"], ["runs", "show", "last"], ["data", "bench"]],
)
def test_a_command_refuses_two_formats_before_anything_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    code, _, err = Typed(monkeypatch, capsys, *command)("--json", "--markdown")
    assert (code, err.count("\n")) == (2, 1)
    assert "--json and --markdown exclude each other" in err


def test_what_is_drawn_in_one_format_is_drawn_in_all() -> None:
    drawn = [found for found in helps(typer.main.get_command(app)) if "markdown" in found]
    assert drawn
    assert all(found.items() >= FORMATS.items() for found in drawn)


@pytest.mark.parametrize("given", ["--json", "--markdown", "--image-size"])
def test_an_option_before_a_command_of_models_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    value = ("64",) if given == "--image-size" else ()
    code, _, err = Typed(monkeypatch, capsys, "models")(given, *value, "list")
    assert code == 2
    assert f"{given} stands before list" in err
