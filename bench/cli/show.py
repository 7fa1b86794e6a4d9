"""A record on standard output: as a table for people, or as JSON and nothing else."""

import msgspec

from bench.cli.output import print_json
from reports.schema.comparison import Comparison
from reports.schema.upgrade import Stored


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
