"""The two sides of `compare`, as a user writes them: options of `run` or a file, words, or ids."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import typer

from resnext_bench.cli.options import RUN_ALONE, as_run
from resnext_bench.config.options import OPTIONS, flag
from resnext_bench.config.request import checked, merged, read_file
from resnext_bench.errors import UsageError
from resnext_bench.reports.schema.config import Request

_INSTEAD: Final = {
    **{name: option.not_of_a_side for name, option in OPTIONS.items() if option.not_of_a_side},
    **{name: instead for name, (_, _, instead) in RUN_ALONE.items() if instead},
}
"""Options of `run` that say how to measure or to show, which is the same for both sides, and what
to do instead.

On a command line they are refused; in a file, which may serve `run` as well, they are passed over.
"""
_DEFAULTS: Final[dict[str, object]] = {
    "as_is": False,
    "design": "auto",
    "margin": 2,
    "max_sessions": 26,
    "max_minutes": 20,
    "sessions": 6,
}
"""Defaults of options that are refused only where they differ from them."""


def side_request(text: str, name: str) -> Request:
    """Return the request that `--a TEXT` describes; `name` is the option, for errors."""
    words = words_of(text, name)
    if len(words) == 1 and words[0].endswith(".toml"):
        return _file(Path(words[0]).expanduser(), name)
    try:
        return _parsed(words)
    except UsageError as error:
        raise UsageError(f"{name} {text!r}: {error}") from error


def words_of(text: str, name: str) -> tuple[str, ...]:
    """Split a text into words as a shell would; `name` is the option, for errors."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"{name} {text!r}: {error}; quote it as you would in a shell") from error


def ids_of(text: str | None, name: str) -> tuple[str, ...]:
    """Return ids of stored runs, which commas separate."""
    ids = tuple(filter(None, (part.strip() for part in (text or "").split(","))))
    if not ids:
        raise UsageError(
            f"{name} is needed: ids of stored runs for both sides, as in "
            "--a-runs ID,ID --b-runs ID,ID (`runs list` shows them)"
        )
    return ids


def refuse(given: Mapping[str, Any], names: Iterable[str], why: str) -> None:
    """Raise when one of these options is given; `why` continues the sentence after its name."""
    for name in names:
        if given[name] not in (None, "", False, _DEFAULTS.get(name)):
            raise UsageError(f"--{name.replace('_', '-')} {why}")


def _parsed(words: tuple[str, ...]) -> Request:
    if "--help" in words:
        raise UsageError("run --help shows which options a side may have")
    given = _values(words)
    for option, instead in _INSTEAD.items():
        if given.get(option):
            raise UsageError(f"{flag(option)} cannot be part of a side; {instead}")
    file = given.pop("config", None)
    named = {key: value for key, value in given.items() if value is not None}
    request = checked(
        {key: value for key, value in named.items() if key not in _INSTEAD}, typed=False
    )
    return merged(request, _file(Path(str(file))) if file else {})


def _file(path: Path, option: str = "--config") -> Request:
    given = read_file(path, option)
    return {name: value for name, value in given.items() if name not in _INSTEAD}


_parser = typer.Typer(add_completion=False)


@_parser.command("run")
@as_run
def _side(**given: Any) -> None:
    """Read the options of a side as `run` does."""


def _values(words: tuple[str, ...]) -> dict[str, object]:
    try:
        return dict(typer.main.get_command(_parser).make_context("run", list(words)).params)
    except UsageError:
        raise
    except Exception as error:  # Typer's own click or the other one: both can say what is wrong
        message = getattr(error, "format_message", None)
        if message is None:
            raise UsageError(
                "a side takes only the options of run that describe the training"
            ) from error
        raise UsageError(message().rstrip(".")) from error
