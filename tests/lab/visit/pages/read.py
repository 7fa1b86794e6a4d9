"""What the sections of a page say, however they are drawn."""

from collections.abc import Iterable, Iterator, Sequence

from resnext_bench.lab.visit.pages.page import of_file
from resnext_bench.lab.visit.results import Results
from resnext_bench.reports.render.model import (
    Bullets,
    Fold,
    Footnotes,
    Heading,
    Paragraph,
    Section,
    Summary,
    Table,
    Value,
    rows_of,
    text_of,
)

Cells = Sequence[Value]


def sections_of(results: Results) -> list[Section]:
    """All of one file."""
    return list(of_file("made", results))


def headings(sections: Iterable[Section]) -> list[str]:
    return [section.text for section in sections if isinstance(section, Heading)]


def paragraphs(sections: Iterable[Section]) -> str:
    """Everything but tables, a line for each paragraph, item and note."""
    return "\n".join(text_of(words) for section in sections for words in _words(section))


def tables(sections: Iterable[Section]) -> Iterator[Table]:
    """Those that are folded, too."""
    for section in sections:
        if isinstance(section, Table):
            yield section
        elif isinstance(section, Fold):
            yield from tables(section.sections)


def cells(sections: Iterable[Section], *start: str) -> list[Cells]:
    """The rows that begin with such cells, of tables and summaries."""
    return [row for row in _rows(sections) if [*map(text_of, row[: len(start)])] == [*start]]


def rows(sections: Iterable[Section], *start: str) -> list[list[str]]:
    """The same in plain text."""
    return [[*map(text_of, row)] for row in cells(sections, *start)]


def row(sections: Iterable[Section], *start: str) -> list[str]:
    """The first of them."""
    return rows(sections, *start)[0]


def _rows(sections: Iterable[Section]) -> Iterator[Cells]:
    for section in sections:
        if isinstance(section, Summary):
            yield from (row for group in section.groups for row in group)
        else:
            for table in tables([section]):
                yield from rows_of(table)


def _words(section: Section) -> Iterator[Value]:
    match section:
        case Paragraph():
            yield section.text
        case Bullets():
            yield from section.items
        case Footnotes():
            yield from (f"[{place}] {text_of(text)}" for place, text in enumerate(section.texts, 1))
