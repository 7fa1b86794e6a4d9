"""Draws reports and pages as Markdown that can be pasted into a pull request.

It is GitHub's flavour: results are first and bold, tables are pipe tables, and no text can be taken
for markup.
"""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import quote

from resnext_bench.reports.render.model import (
    Bullets,
    Code,
    Column,
    Fold,
    Footnotes,
    Heading,
    Line,
    Link,
    Paragraph,
    Picture,
    Piece,
    Section,
    Strong,
    Summary,
    Table,
    Text,
    Words,
    rows_of,
    text_of,
)

_ESCAPED: Final = re.compile(r"([\\`*_\[\]<>|#~])")
_BARS: Final = re.compile(r"\s*[█▏▎▍▌▋▊▉]+\s*$")
_COLOURS: Final = re.compile(r"\x1b\[[\d;]*m")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters, with line breaks of all kinds."""
_SPACES: Final = re.compile(r"\s{2,}")
_ADDRESS: Final = "/:?#@!$&'*+,;=%~"
"""Signs that are kept in an address; brackets and spaces would end it."""


def markdown(sections: Iterable[Section]) -> str:
    """Return the whole report, which ends with a line break."""
    blocks: list[str] = []
    output: list[str] = []
    for section in sections:
        if isinstance(section, Line) and section.is_output:
            output.append(_COLOURS.sub("", section.text))
            continue
        if output:
            blocks.append(_code(output))
            output = []
        blocks.append(_block(section))
    if output:
        blocks.append(_code(output))
    return "\n\n".join(filter(None, blocks)) + "\n"


def _block(section: Section) -> str:
    match section:
        case Line():
            return _line(section)
        case Summary():
            return "\n".join(_summary(section))
        case Table():
            return "\n".join(_table(section))
        case Heading():
            return f"{'#' * section.level} {escaped(section.text)}"
        case Paragraph():
            return _said(section.text)
        case Bullets():
            return "\n".join(f"- {_said(item)}" for item in section.items)
        case Footnotes():
            return "  \n".join(_footnotes(section))
        case Picture():
            return f"!{_link(section.alternative, section.path)}"
        case Fold():
            return "\n\n".join(_fold(section))


def _code(lines: Sequence[str]) -> str:
    """Return another program's output, in a fence longer than any in it."""
    fence = "`" * max(3, 1 + max(map(_ticks, lines)))
    return "\n".join([f"{fence}text", *lines, fence])


def _ticks(text: str) -> int:
    """Return the most backticks in a row."""
    return max(map(len, re.findall(r"`+", text)), default=0)


def _line(line: Line) -> str:
    if line.is_command:
        return _code([line.text])
    label = f"**{escaped(line.label)}** " if line.label else ""
    text = escaped(line.text)
    return f"**{text}**" if line.is_headline else f"{label}{text}"


def _summary(summary: Summary) -> Iterator[str]:
    if summary.title:
        yield from (f"**{escaped(summary.title)}**", "")
    yield "| | |"
    yield "|---|---|"
    for group in summary.groups:
        for name, value in group:
            told = value if isinstance(value, Text) else text_of(value)
            yield f"| {_cell(name)} | {_cell(told)} |"
    if summary.caption:
        yield from ("", f"`{summary.caption}`")


def _table(table: Table) -> Iterator[str]:
    if table.title:
        yield from (f"**{escaped(table.title)}**", "")
    rows = [[_cell(text) for text in row] for row in rows_of(table)]
    # Bars are for a terminal: where nothing else stood in a column, it goes.
    shown = [
        at for at, column in enumerate(table.columns) if column.name or any(row[at] for row in rows)
    ]
    columns = [table.columns[at] for at in shown]
    yield f"| {' | '.join(_cell(column.name) for column in columns)} |"
    yield f"|{'|'.join(map(_rule, columns))}|"
    for row in rows:
        yield f"| {' | '.join(row[at] for at in shown)} |"
    if table.caption:
        yield from ("", escaped(table.caption))
    for note in table.notes:
        yield from ("", escaped(note.text))


def _rule(column: Column) -> str:
    return "---:" if column.is_number else "---"


def _footnotes(notes: Footnotes) -> Iterator[str]:
    for place, text in enumerate(notes.texts, 1):
        yield f"{escaped(f'[{place}]')} {_said(text)}"


def _fold(fold: Fold) -> Iterator[str]:
    """Yield the lines, to be separated by blank ones, at which HTML ends and Markdown goes on."""
    yield f"<details><summary>{html.escape(fold.summary, quote=False)}</summary>"
    yield markdown(fold.sections).rstrip("\n")
    yield "</details>"


def _cell(words: Words) -> str:
    """Return the words in one line, without bars, and with the gaps for alignment closed."""
    if isinstance(words, Text):
        return "".join(map(_piece_of_cell, words.pieces)).strip()
    plain = _BARS.sub("", words).strip()
    return _SPACES.sub(" &nbsp; ", escaped(plain))


def _piece_of_cell(piece: Piece) -> str:
    """Return a piece of a cell; code with a bar needs HTML, as a bar even ends a code span."""
    if isinstance(piece, Code) and "|" in piece.text:
        return f"<code>{escaped(piece.text)}</code>"
    return _piece(piece)


def _said(words: Words) -> str:
    pieces = (words,) if isinstance(words, str) else words.pieces
    return "".join(map(_piece, pieces))


def _piece(piece: Piece) -> str:
    match piece:
        case Code():
            return _code_span(piece.text)
        case Strong():
            return f"**{escaped(piece.text)}**"
        case Link():
            return _link(piece.text, piece.to)
        case _:
            return escaped(piece)


def _code_span(text: str) -> str:
    """Return code within a line, between more backticks than there are in it."""
    plain = _CONTROLS.sub(" ", text)
    fence, gap = "`" * (_ticks(plain) + 1), " " if "`" in plain else ""
    return f"{fence}{gap}{plain}{gap}{fence}"


def _link(text: str, to: str) -> str:
    return f"[{escaped(text)}]({quote(to, safe=_ADDRESS)})"


def escaped(text: str) -> str:
    """Return text without any characters that Markdown would interpret."""
    return _ESCAPED.sub(r"\\\1", _CONTROLS.sub(" ", text))
