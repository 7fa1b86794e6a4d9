"""A record on standard output: as a table for people, or as JSON and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from resnext_bench.cli.output import print_json
from resnext_bench.errors import Interrupted
from resnext_bench.reports.schema.comparison import Comparison
from resnext_bench.reports.schema.record import Record
from resnext_bench.reports.schema.upgrade import Stored


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
    from resnext_bench.cli.screen import screen

    console = screen()
    if isinstance(record, Comparison):
        from resnext_bench.reports.render.comparison import print_comparison

        print_comparison(console, record)
        return
    from resnext_bench.reports.render.console import print_record

    print_record(console, record)
