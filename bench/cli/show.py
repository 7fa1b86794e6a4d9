"""A record on standard output: as a table for people, or as JSON and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from bench.cli.output import print_json
from bench.errors import Interrupted
from reports.schema.comparison import Comparison
from reports.schema.record import Record
from reports.schema.upgrade import Stored


@contextmanager
def shown_when_interrupted(*, as_json: bool) -> Iterator[None]:
    """Print what was measured until then before an interruption ends the program."""
    try:
        yield
    except Interrupted as end:
        if isinstance(end.record, Record | Comparison):
            show_stored(end.record, as_json=as_json)
        raise


def show_stored(record: Stored, *, as_json: bool) -> None:
    """Print a run or a comparison."""
    if as_json:
        print_json(msgspec.json.format(msgspec.json.encode(record), indent=2))
        return
    from bench.cli.screen import screen

    console = screen()
    if isinstance(record, Comparison):
        from reports.render.comparison import print_comparison

        print_comparison(console, record)
        return
    from reports.render.console import print_record

    print_record(console, record)
