"""What reports and pages are made of, and not a word on how it is drawn.

A report is lines, summaries and tables; a page has headings, paragraphs, lists, pictures and folded
parts as well. A console (`terminal`) and Markdown (`markdown`) draw the same sections.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["plain", "strong", "good", "warning", "bad", "name", "dim", "aside", "apart"]
"""What a reader should feel at first sight; colours on a terminal."""


@dataclass(frozen=True, slots=True)
class Code:
    """Something to be typed or looked up as it stands: a command, an option, a name."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """Words that should be seen first."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead elsewhere."""

    text: str
    to: str = field(kw_only=True)
    """An address, or a path from the page's own folder."""


Piece = str | Code | Strong | Link


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """Words of which some are code, strong or a link; `inline` makes it."""

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The words alone."""
        return "".join(one if isinstance(one, str) else one.text for one in self.pieces)


Words = str | Text


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


Value = str | Text | Flow | Figure
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

    name: Words
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
    groups: tuple[tuple[tuple[Words, ...], ...], ...]
    title: str = ""
    caption: str = ""
    is_boxed: bool = False
    tones: dict[tuple[int, str], Tone] = field(default_factory=dict)
    """By column and words of a cell."""
    row_tones: tuple[Tone, ...] = ()
    """Of all rows in their order, where they have one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """What the sections below it are about."""

    text: str
    level: int
    """1 for a whole page; parts of a part have higher ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Paragraph:
    """Sentences that belong together."""

    text: Words


@dataclass(frozen=True, kw_only=True, slots=True)
class Bullets:
    """A list in no order of its own."""

    items: tuple[Words, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Footnotes:
    """Notes on the section above, whose cells name them as [1], [2]: their places here."""

    texts: tuple[Words, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture in a file of its own."""

    path: str
    """From the page's own folder."""
    alternative: str
    """What to read where it cannot be seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold:
    """Sections that most readers need not see; shown where nothing can be folded."""

    summary: str
    sections: "tuple[Section, ...]"


Section = Line | Summary | Table | Heading | Paragraph | Bullets | Footnotes | Picture | Fold


def inline(*parts: Piece | Text) -> Text:
    """One text of all parts; words side by side become one piece, so that equal texts are equal."""
    pieces: list[Piece] = []
    for part in parts:
        for piece in part.pieces if isinstance(part, Text) else (part,):
            if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
                pieces[-1] += piece
            elif piece != "":
                pieces.append(piece)
    return Text(pieces=tuple(pieces))


def joined(parts: Sequence[Piece | Text], between: str) -> Text:
    """One text of all parts with the same words between them."""
    first, *others = parts or ("",)
    return inline(first, *(piece for part in others for piece in (between, part)))


def summary(*groups: Iterable[Row], title: str = "", caption: str = "") -> Summary:
    """A summary of the groups that have a row."""
    kept = tuple(rows for group in groups if (rows := tuple(group)))
    return Summary(groups=kept, title=title, caption=caption)


def text_of(value: Value) -> str:
    """A value in one line."""
    return value if isinstance(value, str) else value.text


def rows_of(table: Table) -> Sequence[tuple[Words, ...]]:
    """All rows, in their order."""
    return [row for group in table.groups for row in group]
