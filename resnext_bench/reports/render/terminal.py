"""Draws a report on a terminal, whatever its width."""

import textwrap
from collections.abc import Iterable
from typing import Final

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from resnext_bench.reports.render.model import (
    Column,
    Figure,
    Flow,
    Line,
    Section,
    Summary,
    Table,
    Tone,
    Value,
)

STYLES: Final[dict[Tone, str]] = {
    "plain": "",
    "strong": "bold",
    "good": "bold green",
    "warning": "bold yellow",
    "bad": "bold red",
    "name": "cyan",
    "dim": "dim",
}
_LABELS: Final[dict[Tone, str]] = STYLES | {"warning": "yellow"}
_UNBOUNDED: Final = 10_000


def draw(console: Console, sections: Iterable[Section]) -> None:
    """Print sections one below the other."""
    for section in sections:
        match section:
            case Line():
                console.print(_line(section), soft_wrap=section.is_command)
            case Summary():
                console.print(_summary(section))
            case Table():
                console.print(_fitting(console, section))


def _line(line: Line) -> Text:
    if line.is_output:
        return Text("  ", style="dim").append_text(Text.from_ansi(line.text))
    text = Text()
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
            table.add_row(Text(name), _value(value))
        table.add_section()
    return table


def _value(value: Value) -> RenderableType:
    match value:
        case Flow():
            return _Flowing(value)
        case Figure():
            return Text.assemble((value.value, "bold green"), value.rest)
        case _:
            return Text(value)


class _Flowing:
    """A list in lines that end with a comma."""

    def __init__(self, flow: Flow) -> None:
        self._text = flow.text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # To textwrap a no-break space is a letter.
        text = self._text.replace(" ", "\xa0").replace(",\xa0", ", ")
        lines = textwrap.wrap(
            text, options.max_width, break_long_words=False, break_on_hyphens=False
        )
        yield Text("\n".join(lines).replace("\xa0", " "))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(max(map(len, self._text.split()), default=0), len(self._text))


def _fitting(console: Console, table: Table) -> RichTable:
    """The widest that fits: first its gaps shrink, then columns go that may, the last one first."""
    unbounded = console.options.update(max_width=_UNBOUNDED)
    shown = list(range(len(table.columns)))
    drawn = _grid(table, shown, gap=1)
    if not any(column.may_go for column in table.columns):
        return drawn
    while Measurement.get(console, unbounded, drawn).maximum > console.width:
        narrower = _grid(table, shown, gap=0)
        if Measurement.get(console, unbounded, narrower).maximum <= console.width:
            return narrower
        going = [at for at in shown if table.columns[at].may_go]
        if not going:
            return narrower
        shown.remove(going[-1])
        drawn = _grid(table, shown, gap=0)
    return drawn


def _grid(table: Table, shown: list[int], *, gap: int) -> RichTable:
    grid = RichTable(
        box=box.ROUNDED if table.is_boxed else box.SIMPLE_HEAD,
        show_edge=table.is_boxed,
        pad_edge=table.is_boxed,
        padding=(0, 1) if table.is_boxed else (0, gap, 0, 0),
        header_style="bold" if table.is_boxed else "",
        title=_plain(table.title),
        title_style="bold",
        title_justify="left",
        caption=_plain(table.caption),
        caption_justify="left",
    )
    for at in shown:
        _add(grid, table.columns[at], is_first=at == 0)
    for group in table.groups:
        for row in group:
            cells = (Text(row[at], style=_tone(table, at, row[at])) for at in shown)
            grid.add_row(*cells)
        grid.add_section()
    return grid


def _add(grid: RichTable, column: Column, *, is_first: bool) -> None:
    grid.add_column(
        Text(column.name),
        justify="right" if column.is_number else "left",
        style=STYLES[column.tone],
        no_wrap=not column.may_fold and not (is_first and not column.is_number),
        overflow="fold" if column.may_fold else "ellipsis",
    )


def _plain(text: str) -> Text | None:
    """Text that is no markup, where there is any."""
    return Text(text) if text else None


def _tone(table: Table, at: int, text: str) -> str:
    return STYLES[table.tones.get((at, text), "plain")]
