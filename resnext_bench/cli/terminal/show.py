"""A record on standard output: as a table for people, as Markdown, or as JSON and nothing else."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.errors import Interrupted
from resnext_bench.reports.schema.kinds import Stored, is_record

if TYPE_CHECKING:
    from resnext_bench.reports.render.model import Section


@contextmanager
def shown_when_interrupted(form: Format) -> Iterator[None]:
    """Print what was measured so far before an interruption ends the program."""
    try:
        yield
    except Interrupted as end:
        if is_record(end.record):
            show_stored(end.record, form)
        raise


def show_stored(record: Stored, form: Format, more: "Iterable[Section]" = ()) -> None:
    """Print a record of any kind, and `more` below it; a terminal shows the record meanwhile."""
    if form == "json":
        print_json(msgspec.json.format(msgspec.json.encode(record), indent=2))
        return
    from resnext_bench.reports.render.kinds import renderer_of

    show_sections(chain(renderer_of(record).sections(record), more), form)


def show_sections(sections: "Iterable[Section]", form: Format) -> None:
    """Draw a report on the terminal, or print it as Markdown."""
    if form == "markdown":
        from resnext_bench.reports.render.markdown import markdown

        print(markdown(sections), end="")
        return
    from resnext_bench.cli.terminal.screen import screen
    from resnext_bench.reports.render.terminal import draw

    draw(screen(), sections)
