"""The command `compare`: from two sides to a verdict on the screen."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args

from bench.cli.show import show_stored
from bench.cli.sides import side_request
from bench.config.request import merged
from bench.config.resolve import flag
from bench.errors import UsageError
from bench.machine.inventory import inspect
from reports.runs import find, runs_folder
from reports.schema.comparison import Comparison, Limits
from reports.schema.config import Request

FAILED, UNSURE, SLOWER = 4, 3, 1
_UNSURE: Final = ("can't tell", "never steady", "invalid")

_BOUNDS: Final[dict[str, tuple[type[int] | type[float], float, float]]] = {
    "margin": (float, 0.01, 50),
    "max_sessions": (int, 2, 1000),
    "max_minutes": (float, 0.1, 10_000),
    "blocks": (int, 4, 1000),
    "block_steps": (int, 2, 100_000),
}


def compare_command(given: Mapping[str, Any]) -> int:
    """Compare as asked, show the record, and return the exit code."""
    from bench.cli.compare_display import CompareDisplay  # noqa: PLC0415

    root = runs_folder(given["output"])
    with CompareDisplay() as display:
        record = _resumed(given, root, display) if given["resume"] else _new(given, root, display)
    show_stored(record, as_json=given["json"])
    return exit_code(record, allow_unsure=given["allow_unsure"])


def exit_code(record: Comparison, *, allow_unsure: bool) -> int:
    """0 same, faster, negligible; 1 slower; 3 where nothing is certain; 4 failed."""
    if record.status == "failed":
        return FAILED
    if record.verdict is None or record.verdict in _UNSURE:
        return 0 if allow_unsure else UNSURE
    return SLOWER if record.verdict == "slower" else 0


def _resumed(given: Mapping[str, Any], root: Path, display: Any) -> Comparison:
    from bench.session.compare import resume  # noqa: PLC0415

    if given["a"] is not None or given["b"] is not None or given["both"]:
        raise UsageError("--resume goes on with the sides it had; leave --a, --b and --both out")
    return resume(find(root, given["resume"]), inspect(), display)


def _new(given: Mapping[str, Any], root: Path, display: Any) -> Comparison:
    from bench.session.compare import Asked, Wanted, compare  # noqa: PLC0415

    a, b = _sides(given)
    if given["design"] not in get_args(Wanted):
        raise UsageError(f"--design {given['design']}: choose from {', '.join(get_args(Wanted))}")
    asked = Asked(
        a=a,
        b=b,
        given=(given["a"] or "", given["b"] or ""),
        design=given["design"],
        limits=_limits(given),
        root=root,
        command=tuple(sys.argv[1:]),
    )
    return compare(asked, inspect(), display)


def _sides(given: Mapping[str, Any]) -> tuple[Request, Request]:
    if given["a"] is None or given["b"] is None:
        raise UsageError(
            "compare needs two sides: --a OPTIONS and --b OPTIONS, "
            'as in --a "--amp" --b "--amp --no-channels-last" ("" for the defaults)'
        )
    both = side_request(given["both"], "--both")
    a, b = (merged(side_request(given[name], f"--{name}"), both) for name in ("a", "b"))
    return a, b


def _limits(given: Mapping[str, Any]) -> Limits:
    numbers = {name: _number(name, given[name]) for name in _BOUNDS if given[name] is not None}
    return Limits(
        margin_percent=float(numbers["margin"]),
        max_sessions=int(numbers["max_sessions"]),
        max_minutes=float(numbers["max_minutes"]),
        pairs=int(numbers["blocks"]),
        block_steps=int(numbers.get("block_steps", 0)),
    )


def _number(name: str, text: str) -> float:
    kind, low, high = _BOUNDS[name]
    try:
        value = kind(text)
    except ValueError as error:
        word = "a whole number" if kind is int else "a number"
        raise UsageError(f"{flag(name)} {text}: {word} is needed") from error
    if not low <= value <= high:
        raise UsageError(f"{flag(name)} {text}: must be from {low:g} to {high:g}")
    return value
