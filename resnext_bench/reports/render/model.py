"""What a report is made of: lines, summaries and tables, and not a word on how they are drawn.

A console (`terminal`) and Markdown (`markdown`) draw the same sections; a page will, too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["plain", "strong", "good", "warning", "bad", "name", "dim", "aside", "apart"]
"""What a reader should feel at first sight; colours on a terminal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A sentence of its own."""

    text: str
    tone: Tone = "plain"
    label: str = ""
    """A word before it that says what it is: note, INVALID, FAILED."""
    label_tone: Tone = "warning"
    is_headline: bool = False
    """Whether it says what all of the report comes to."""
    is_command: bool = False
    """Whether it is there to be copied, so that it must not be folded."""
    is_output: bool = False
    """Whether it is somebody else's output, with the colours that it has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """A list whose pieces stay whole."""

    pieces: tuple[str, ...]
    separator: str = ","

    @property
    def text(self) -> str:
        """All of it in one line."""
        return f"{self.separator} ".join(self.pieces)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """The one figure that a summary is read for, and what belongs to it."""

    value: str
    rest: str = ""

    @property
    def text(self) -> str:
        """Both."""
        return self.value + self.rest


Value = str | Flow | Figure
Row = tuple[str, Value]


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """Names and values, in groups."""

    groups: tuple[tuple[Row, ...], ...]
    title: str = ""
    caption: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    is_number: bool = False
    tone: Tone = "plain"
    may_fold: bool = False
    """Whether its values may take several lines; else they stay whole."""
    goes: int = 0
    """In which order it is left out where there is no room: 1 is the first to go; 0 stays."""
    is_name: bool = False
    """Whether it takes what is left of a line, its values cut so that they still read apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Columns with a name each; rows may be in groups."""

    columns: tuple[Column, ...]
    groups: tuple[tuple[tuple[str, ...], ...], ...]
    title: str = ""
    caption: str = ""
    is_boxed: bool = False
    tones: dict[tuple[int, str], Tone] = field(default_factory=dict)
    """By column and text of a cell."""
    row_tones: tuple[Tone, ...] = ()
    """Of all rows in their order, where they have one."""


Section = Line | Summary | Table


def summary(*groups: Iterable[Row], title: str = "", caption: str = "") -> Summary:
    """A summary of the groups that have a row."""
    kept = tuple(rows for group in groups if (rows := tuple(group)))
    return Summary(groups=kept, title=title, caption=caption)


def text_of(value: Value) -> str:
    """A value in one line."""
    return value if isinstance(value, str) else value.text


def rows_of(table: Table) -> Sequence[tuple[str, ...]]:
    """All rows, in their order."""
    return [row for group in table.groups for row in group]
