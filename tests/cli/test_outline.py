"""The program's own help is the same, whether options of commands were made or not."""

import pytest
import typer

from resnext_bench.cli.main import app
from resnext_bench.cli.outline import outline


def shown(
    what: typer.Typer, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> tuple[object, str]:
    with pytest.raises(SystemExit) as end:
        what(arguments, prog_name="resnext-bench")
    return end.value.code, capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["--help"]])
@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_the_help_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    columns: str,
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    code, told = shown(outline(app), arguments, capsys)
    assert "compare" in told
    assert "runs" in told
    assert (code, told) == shown(app, arguments, capsys)


def test_the_program_keeps_its_commands() -> None:
    outline(app)
    assert all(
        one.typer_instance.registered_commands
        for one in app.registered_groups
        if one.typer_instance
    )
