"""The parts of reports and pages, and not a word on how they are drawn.

A report consists of lines, summaries and tables; a page also has headings, paragraphs, lists,
pictures and folded parts. A console (`terminal`) and Markdown (`markdown`) draw the same sections.
The bar of a share is text as well, which both can draw.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["plain", "strong", "good", "warning", "bad", "name", "dim", "aside", "apart"]
"""What a reader should notice at first sight; a terminal shows it by colours."""

_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be typed or looked up as it stands: a command, an option, a name."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """Words that should be seen first."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead to another place."""

    text: str
    to: str = field(kw_only=True)
    """Address, or path from the page's own folder."""


Piece = str | Code | Strong | Link


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """Words, some of which are code, strong or a link; `inline` makes it."""

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The words alone."""
        return "".join(one if isinstance(one, str) else one.text for one in self.pieces)


Words = str | Text


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A sentence that stands alone."""

    text: str
    tone: Tone = "plain"
    label: str = ""
    """Word before it that says what it is: note, INVALID, FAILED."""
    label_tone: Tone = "warning"
    is_headline: bool = False
    """Whether it sums up the whole report."""
    is_command: bool = False
    """Whether it is to be copied, so that it must not be wrapped."""
    is_output: bool = False
    """Whether it is another program's output, with its colours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """A list whose pieces are not broken."""

    pieces: tuple[str, ...]
    separator: str = ","

    @property
    def text(self) -> str:
        """All pieces in one line."""
        return f"{self.separator} ".join(self.pieces)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """The one figure that a summary is read for, and what belongs to it."""

    value: str
    rest: str = ""

    @property
    def text(self) -> str:
        """The figure and what belongs to it."""
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
    """Whether its values may take several lines; otherwise they are not broken."""
    goes: int = 0
    """Rank in which it is left out where there is no room: 1 goes first; 0 stays."""
    is_name: bool = False
    """Whether it takes the rest of a line, with its values cut so that they still differ."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A line below a table that explains some of its columns."""

    text: str
    columns: tuple[str, ...] = ()
    """It is shown with any of these; if there are none, always."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table with named columns, whose rows may be in groups."""

    columns: tuple[Column, ...]
    groups: tuple[tuple[tuple[Words, ...], ...], ...]
    title: str = ""
    caption: str = ""
    is_boxed: bool = False
    tones: dict[tuple[int, str], Tone] = field(default_factory=dict)
    """Tones by column and words of a cell."""
    row_tones: tuple[Tone, ...] = ()
    """Tones of all rows in their order, where they have any."""
    notes: tuple[Note, ...] = ()
    alike: str = ""
    """What is said where names that are cut had to be numbered (#1, #2)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """The title of the sections below it."""

    text: str
    level: int
    """Level of the heading: 1 for a whole page; parts of a part have higher ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Paragraph:
    """Sentences that belong together."""

    text: Words


@dataclass(frozen=True, kw_only=True, slots=True)
class Bullets:
    """A list in no particular order."""

    items: tuple[Words, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Footnotes:
    """Notes on the section above, whose cells refer to them by their places here: [1], [2]."""

    texts: tuple[Words, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture in a file of its own."""

    path: str
    """Path from the page's own folder."""
    alternative: str
    """Text for readers who cannot see it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold:
    """Sections that most readers need not see; they are shown where nothing can be folded."""

    summary: str
    sections: "tuple[Section, ...]"


Section = Line | Summary | Table | Heading | Paragraph | Bullets | Footnotes | Picture | Fold


def inline(*parts: Piece | Text) -> Text:
    """Return one text of all parts; adjacent words become one piece: equal texts are equal then."""
    pieces: list[Piece] = []
    for part in parts:
        for piece in part.pieces if isinstance(part, Text) else (part,):
            if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
                pieces[-1] += piece
            elif piece != "":
                pieces.append(piece)
    return Text(pieces=tuple(pieces))


def joined(parts: Sequence[Piece | Text], between: str) -> Text:
    """Return one text of all parts, with the same words between them."""
    first, *others = parts or ("",)
    return inline(first, *(piece for part in others for piece in (between, part)))


def summary(*groups: Iterable[Row], title: str = "", caption: str = "") -> Summary:
    """Return a summary of the groups that have a row."""
    kept = tuple(rows for group in groups if (rows := tuple(group)))
    return Summary(groups=kept, title=title, caption=caption)


def text_of(value: Value) -> str:
    """Return a value in one line."""
    return value if isinstance(value, str) else value.text


def rows_of(table: Table) -> Sequence[tuple[Words, ...]]:
    """Return all rows in their order."""
    return [row for group in table.groups for row in group]


def bar(share: float, width: int = 24) -> str:
    """Return a part of a bar of `width` characters; `share` is a fraction of 1."""
    eighths = round(min(share, 1.0) * width * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
