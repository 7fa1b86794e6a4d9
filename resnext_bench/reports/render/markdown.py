"""Draws a report as Markdown, fit to be pasted into a pull request.

GitHub's flavour: what was found stands first and strong, tables are pipe tables, and nothing of it
can be taken for markup.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from resnext_bench.reports.render.model import (
    Column,
    Line,
    Section,
    Summary,
    Table,
    rows_of,
    text_of,
)

_ESCAPED: Final = re.compile(r"([\\`*_\[\]<>|#~])")
_BARS: Final = re.compile(r"\s*[█▏▎▍▌▋▊▉]+\s*$")
_COLOURS: Final = re.compile(r"\x1b\[[\d;]*m")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Line breaks of all kinds among them."""
_SPACES: Final = re.compile(r"\s{2,}")


def markdown(sections: Iterable[Section]) -> str:
    """The whole report, which ends with a line break."""
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


def _code(lines: Sequence[str]) -> str:
    """Somebody's output, in a fence longer than any in it."""
    longest = max((len(found) for line in lines for found in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", *lines, fence])


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
            yield f"| {_cell(name)} | {_cell(text_of(value))} |"
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


def _rule(column: Column) -> str:
    return "---:" if column.is_number else "---"


def _cell(text: str) -> str:
    """In one line, without bars, and with the gaps that align figures on a terminal closed."""
    plain = _BARS.sub("", text).strip()
    return _SPACES.sub(" &nbsp; ", escaped(plain))


def escaped(text: str) -> str:
    """Text that means nothing but itself."""
    return _ESCAPED.sub(r"\\\1", _CONTROLS.sub(" ", text))
