"""The formats of a report on standard output, each declared once.

Commands take the one that was asked for (`options.in_formats`); `terminal/show.py` draws it.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from resnext_bench.errors import UsageError

Format = Literal["table", "json", "markdown"]
"""A table for people, unless one of the others is asked for by an option of its name."""
FORMATS: Final[Mapping[Format, str]] = {
    "json": "Print only JSON on standard output",
    "markdown": "Print Markdown, ready to paste into a pull request",
}
"""What the option of each format does, in the order of `--help`."""


def format_of(asked: Sequence[Format]) -> Format:
    """Return the format that was asked for: at most one may be."""
    if len(asked) > 1:
        options = " and ".join(f"--{name}" for name in asked)
        raise UsageError(f"{options} exclude each other; give only one of them")
    return asked[0] if asked else "table"
