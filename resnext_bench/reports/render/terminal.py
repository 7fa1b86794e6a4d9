"""Draws reports and pages on a terminal, whatever its width."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text as RichText

from resnext_bench.reports.render.kernel_names import fitting
from resnext_bench.reports.render.model import (
    Bullets,
    Code,
    Column,
    Figure,
    Flow,
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
    Tone,
    Value,
    Words,
    inline,
    rows_of,
    text_of,
)

STYLES: Final[dict[Tone, str]] = {
    "plain": "",
    "strong": "bold",
    "good": "bold green",
    "warning": "bold yellow",
    "bad": "bold red",
    "name": "cyan",
    "dim": "dim",
    "aside": "yellow",
    "apart": "magenta",
}
_LABELS: Final[dict[Tone, str]] = STYLES | {"warning": "yellow"}
_HEADINGS: Final = {1: "bold underline", 2: "bold"}
"""Styles by level; deeper headings are underlined."""
_SET_APART: Final = (Heading, Paragraph, Bullets, Picture, Fold)
"""Sections of pages that are separated by a blank line from what precedes them."""
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"
_UNBOUNDED: Final = 10_000
_NUMBERED: Final = re.compile(r"#\d+$")
_LEAST_NAME, _SHORTEST_NAME = 24, 8
"""Characters that a name needs to be useful, and those that it always gets."""


def draw(console: Console, sections: Iterable[Section]) -> None:
    """Print sections one below the other."""
    for place, section in enumerate(sections):
        if place and isinstance(section, _SET_APART):
            console.print()
        match section:
            case Line():
                console.print(_line(section), soft_wrap=section.is_command)
            case Summary():
                console.print(_summary(section))
            case Table():
                _print_table(console, section)
            case Fold():
                console.print(RichText(section.summary, style="bold"))
                draw(console, section.sections)
            case _:
                console.print(_prose(section))


def _prose(section: Heading | Paragraph | Bullets | Footnotes | Picture) -> RenderableType:
    match section:
        case Heading():
            return RichText(section.text, style=_HEADINGS.get(section.level, "underline"))
        case Paragraph():
            return _said(section.text)
        case Bullets():
            return _listed(("-", item) for item in section.items)
        case Footnotes():
            return _listed((f"[{place}]", one) for place, one in enumerate(section.texts, 1))
        case Picture():
            return _said(inline("picture: ", Link(section.alternative, to=section.path)))


def _listed(items: Iterable[tuple[str, Words]]) -> RichTable:
    """Return items whose lines all begin after their marks."""
    grid = RichTable.grid(padding=(0, 1, 0, 0))
    for mark, words in items:
        grid.add_row(RichText(mark), _said(words))
    return grid


def _said(words: Words) -> RichText:
    if isinstance(words, str):
        return RichText(words)
    return RichText.assemble(*map(_piece, words.pieces))


def _piece(piece: Piece) -> RichText:
    match piece:
        case Code():
            return RichText(piece.text, style=STYLES["name"])
        case Strong():
            return RichText(piece.text, style=STYLES["strong"])
        case Link():
            # A terminal cannot be relied upon to follow links: an address that the words do not
            # tell stands behind them.
            told = piece.text if piece.text == piece.to else f"{piece.text} ({piece.to})"
            return RichText(told)
        case _:
            return RichText(piece)


def _plain_rows(table: Table) -> list[tuple[str, ...]]:
    """Return the cells as they will be shown, to be counted and cut."""
    return [tuple(map(_plain_text, row)) for row in rows_of(table)]


def _plain_text(words: Words) -> str:
    return words if isinstance(words, str) else _said(words).plain


def _line(line: Line) -> RichText:
    if line.is_output:
        return RichText("  ", style="dim").append_text(RichText.from_ansi(line.text))
    text = RichText()
    if line.label:
        text.append(f"{line.label} ", style=_LABELS[line.label_tone])
    text.append(line.text, style=STYLES[line.tone])
    return text


def _summary(summary: Summary) -> RichTable:
    table = RichTable(
        box=box.ROUNDED,
        title=_plain(summary.title),
        title_style="bold",
        title_justify="left",
        caption=_plain(summary.caption),
        caption_justify="left",
        show_header=False,
        padding=(0, 1),
    )
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    for group in summary.groups:
        for name, value in group:
            table.add_row(RichText(name), _value(value))
        table.add_section()
    return table


def _value(value: Value) -> RenderableType:
    match value:
        case Flow():
            return _Flowing(value)
        case Figure():
            return RichText.assemble((value.value, "bold green"), value.rest)
        case _:
            return _said(value)


class _Flowing:
    """A list in lines, each of which ends with its separator."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # To textwrap a no-break space is a letter.
        whole = tuple(piece.replace(" ", _NO_BREAK) for piece in self._flow.pieces)
        text = f"{self._flow.separator.replace(' ', _NO_BREAK)} ".join(whole)
        lines = textwrap.wrap(
            text, options.max_width, break_long_words=False, break_on_hyphens=False
        )
        yield RichText("\n".join(lines).replace(_NO_BREAK, " "))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        text = self._flow.text
        return Measurement(max(map(len, text.split()), default=0), len(text))


def _print_table(console: Console, table: Table) -> None:
    """Print a table, and below it the notes on what is shown of it."""
    drawn, shown, numbered = _fitting(console, table)
    console.print(drawn)
    names = {_plain_text(table.columns[at].name) for at in shown}
    notes = [one.text for one in table.notes if not one.columns or names & set(one.columns)]
    if numbered and table.alike:
        notes.append(table.alike)
    for note in notes:
        console.print(RichText(note, style=STYLES["dim"]))
    if notes:
        console.print()


def _fitting(console: Console, table: Table) -> tuple[RichTable, list[int], bool]:
    """Return the widest table that fits, its columns, and whether names had to be numbered.

    First gaps shrink, then optional columns go in order.
    """
    if any(column.is_name for column in table.columns):
        return _with_name(table, console.width)
    unbounded = console.options.update(max_width=_UNBOUNDED)
    shown, going = list(range(len(table.columns))), _going(table)
    drawn = _grid(table, shown, gap=1)
    while Measurement.get(console, unbounded, drawn).maximum > console.width:
        drawn = _grid(table, shown, gap=0)
        if Measurement.get(console, unbounded, drawn).maximum <= console.width or not going:
            break
        shown.remove(going.pop(0))
        drawn = _grid(table, shown, gap=0)
    return drawn, shown, False


def _going(table: Table) -> list[int]:
    """Return the columns that may be left out, the first to go first."""
    ranked = [(column.goes, at) for at, column in enumerate(table.columns) if column.goes]
    return [at for _, at in sorted(ranked)]


def _with_name(table: Table, width: int) -> tuple[RichTable, list[int], bool]:
    """Return likewise a table whose last column, of those that fit, takes the rest of the line."""
    rows, shown, going = _plain_rows(table), list(range(len(table.columns))), _going(table)
    while (left := width - _taken(table, shown[:-1])) < _needs(rows, shown[-1]) and going:
        shown.remove(going.pop(0))
    last = shown[-1]
    room = max(left, _SHORTEST_NAME)
    before = shown[-2] if len(shown) > 1 else last
    beside = max((len(row[before]) for row in rows), default=0) if before != last else 0
    split = [
        _over_two(row[last], beside, room) if not row[before] else ("", row[last]) for row in rows
    ]
    whole = [rest for _, rest in split]
    names = fitting(whole, room)
    numbered = any(
        name != full and _NUMBERED.search(name) for name, full in zip(names, whole, strict=True)
    )
    cut = tuple(
        _with(row, {before: first, last: name} if first else {last: name})
        for row, name, (first, _) in zip(rows_of(table), names, split, strict=True)
    )
    return _grid(replace(table, groups=(cut,)), shown, gap=1), shown, numbered


def _over_two(name: str, beside: int, room: int) -> tuple[str, str]:
    """Divide a name that is too long between its cell and the empty one before, by whole words."""
    if len(name) <= room:
        return "", name
    first, words = "", name.split(" ")
    while len(words) > 1 and len(f"{first} {words[0]}".strip()) <= beside:
        first = f"{first} {words.pop(0)}".strip()
    return first, " ".join(words)


def _with(row: Sequence[Words], cells: dict[int, Words]) -> tuple[Words, ...]:
    return tuple(cells.get(at, cell) for at, cell in enumerate(row))


def _needs(rows: Sequence[tuple[str, ...]], at: int) -> int:
    """Return the characters that a column needs to be useful: for long names, the beginning."""
    return min(_LEAST_NAME, max((len(row[at]) for row in rows), default=0))


def _taken(table: Table, shown: Sequence[int]) -> int:
    """Return the characters of a line that these columns need, spaces at both ends included."""
    rows = [tuple(_plain_text(column.name) for column in table.columns), *_plain_rows(table)]
    widths = (max(len(row[at]) for row in rows) for at in shown)
    return sum(width + 2 for width in widths) + 3


def _grid(table: Table, shown: Sequence[int], *, gap: int) -> RichTable:
    named = any(column.is_name for column in table.columns)
    rows = _plain_rows(table)
    folds = any(column.may_fold for column in table.columns) and bool(rows)
    grid = RichTable(
        box=box.ROUNDED if table.is_boxed else box.SIMPLE_HEAD,
        show_edge=table.is_boxed or named,
        pad_edge=table.is_boxed or named,
        padding=(0, 1) if table.is_boxed else (0, gap, 0, 0),
        header_style="bold" if table.is_boxed else "cyan" if named else "",
        title=_plain(table.title),
        title_style="bold",
        title_justify="left",
        caption=_plain(table.caption),
        caption_justify="left",
    )
    for at in shown:
        # Where some columns fold, the others are not cut instead.
        whole = folds and not table.columns[at].may_fold
        width = max(len(row[at]) for row in rows) if whole else None
        _add(grid, table.columns[at], is_first=at == 0 and not named, min_width=width)
    tones = iter(table.row_tones)
    for group in table.groups:
        for row in group:
            cells = (_toned(table, row, at) for at in shown)
            grid.add_row(*cells, style=STYLES[next(tones, "plain")])
        grid.add_section()
    return grid


def _add(grid: RichTable, column: Column, *, is_first: bool, min_width: int | None) -> None:
    grid.add_column(
        _said(column.name),
        min_width=min_width,
        justify="right" if column.is_number else "left",
        style=STYLES[column.tone],
        no_wrap=not column.may_fold and not (is_first and not column.is_number),
        overflow="fold" if column.may_fold else "ellipsis",
    )


def _plain(text: str) -> RichText | None:
    """Return text that is not markup; None for an empty one."""
    return RichText(text) if text else None


def _toned(table: Table, row: Sequence[Words], at: int) -> RichText:
    words = row[at]
    drawn, tone = _said(words), table.tones.get((at, text_of(words)), "plain")
    drawn.style = STYLES[tone]
    return drawn
