"""Values of the options of commands, as typed: each is checked where its option is declared.

Typer's own types would say in six framed lines what is wrong; here it is the one line that options
of training get. A default passes through the same checks.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from resnext_bench.errors import UsageError

Value = TypeVar("Value")


def whole(option: str, low: int, high: int | None = None) -> Callable[[str | int], int]:
    """Make a reader of a whole number within bounds."""
    bounds = f"of at least {low:,}" if high is None else f"from {low:,} to {high:,}"

    def read(text: str | int) -> int:
        value = _int(str(text))
        if value is None or value < low or (high is not None and value > high):
            raise UsageError(f"{option} {text}: a whole number {bounds} is needed")
        return value

    return read


def _int(text: str) -> int | None:
    """Read plain digits only: int takes underscores, spaces and the digits of any script."""
    try:
        return int(text) if text.isascii() and text.isdigit() else None
    except ValueError:  # thousands of digits
        return None


def number(
    option: str, low: float, high: float, *, what: str = ""
) -> Callable[[str | float], float]:
    """Make a reader of a number within bounds; `what`: what is said of those that are none."""
    needed = what or f"a number from {low:,g} to {high:,g} is needed"

    def read(text: str | float) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise UsageError(f"{option} {text}: {needed}")
        return value

    return read


def one_of(option: str, *allowed: str) -> Callable[[str], str]:
    """Make a reader of one of several words."""

    def read(text: str) -> str:
        if text not in allowed:
            raise UsageError(f"{option} {text}: choose from {', '.join(allowed)}")
        return text

    return read


def choice(option: str, *allowed: str) -> dict[str, Any]:
    """Return how Typer takes one of several words: its placeholder in help, and its reader."""
    return {"metavar": f"[{'|'.join(allowed)}]", "parser": one_of(option, *allowed)}


def several(read: Callable[[str], Value]) -> Callable[[str], list[Value]]:
    """Make a reader of values separated by commas."""
    return lambda text: [read(part.strip()) for part in text.split(",")]
