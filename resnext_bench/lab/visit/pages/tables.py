"""Tables with their notes, and headings that appear only with what they introduce."""

from collections.abc import Iterable, Iterator, Sequence

from resnext_bench.lab.visit.pages.words import Notes
from resnext_bench.reports.render.model import (
    Column,
    Footnotes,
    Heading,
    Paragraph,
    Section,
    Table,
    Words,
)


def table(
    head: Sequence[Words],
    rows: Iterable[Sequence[Words]],
    *,
    title: str = "",
    notes: Notes | None = None,
) -> Iterator[Section]:
    """Yield the table and the notes that its rows have taken; nothing where there are no rows."""
    cells = tuple(map(tuple, rows))
    if not cells:
        return
    columns = tuple(Column(name=name, may_fold=True) for name in head)
    yield Table(columns=columns, groups=(cells,), title=title)
    if notes:
        yield from footnotes(notes)


def footnotes(notes: Notes) -> Iterator[Section]:
    """Yield the texts of the notes; nothing where there are none."""
    if told := notes.told():
        yield Footnotes(texts=told)


def headed(text: str, sections: Iterable[Section]) -> Iterator[Section]:
    """Yield a heading and its sections; nothing where there are no sections."""
    yield from _below(Heading(text=text, level=3), sections)


def introduced(words: Words, sections: Iterable[Section]) -> Iterator[Section]:
    """Yield a paragraph and what it introduces; nothing where there is nothing to introduce."""
    yield from _below(Paragraph(text=words), sections)


def _below(first: Section, sections: Iterable[Section]) -> Iterator[Section]:
    if told := tuple(sections):
        yield first
        yield from told
