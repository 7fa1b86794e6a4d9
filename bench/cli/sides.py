"""The two sides of `compare`, as a user writes them: options of `run`, or a file of them."""

import shlex
from pathlib import Path
from typing import Final

import typer

from bench.config.request import checked, merged, read_file
from bench.errors import UsageError
from reports.schema.config import Request

_NOT_A_SIDE: Final = ("sessions", "output", "json", "dry_run", "allow_unsure")
"""Options of `run` that say how to measure or to show, which is the same for both sides."""


def side_request(text: str, name: str) -> Request:
    """What `--a TEXT` asks for; `name` is the option, for errors."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{name} {text!r}: {error}; quote it as in a shell") from error
    if len(words) == 1 and words[0].endswith(".toml"):
        return read_file(Path(words[0]))
    try:
        return _parsed(words)
    except UsageError as error:
        raise UsageError(f"{name} {text!r}: {error}") from error


def _parsed(words: list[str]) -> Request:
    if "--help" in words:
        raise UsageError("see run --help for what a side may have")
    given = _values(words)
    wrong = [option for option in _NOT_A_SIDE if given.get(option)]
    if wrong:
        option = wrong[0].replace("_", "-")
        raise UsageError(f"--{option} is not part of a side; give it to compare itself, if at all")
    file = given.pop("config", None)
    named = {key: value for key, value in given.items() if value is not None}
    request = checked(
        {key: value for key, value in named.items() if key not in _NOT_A_SIDE}, typed=False
    )
    return merged(request, read_file(Path(str(file))) if file else {})


def _values(words: list[str]) -> dict[str, object]:
    """Read by the very options of `run`, so that both say the same."""
    from bench.cli.main import app  # noqa: PLC0415  (it imports the commands, as they import us)

    commands = getattr(typer.main.get_command(app), "commands", {})
    try:
        return dict(commands["run"].make_context("run", words).params)
    except Exception as error:  # Typer's own click or the other one: both can say what is wrong
        message = getattr(error, "format_message", None)
        if message is None:
            raise UsageError("give options of run that describe the training") from error
        raise UsageError(message().rstrip(".")) from error
