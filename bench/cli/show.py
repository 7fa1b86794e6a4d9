"""A record on standard output: as a table for people, or as JSON and nothing else."""

import sys

import msgspec

from reports.schema.comparison import Comparison
from reports.schema.upgrade import Stored


def show_stored(record: Stored, *, as_json: bool) -> None:
    """Print a run or a comparison."""
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
        sys.stdout.buffer.flush()
        return
    from rich.console import Console

    console = Console(highlight=False)
    if isinstance(record, Comparison):
        from reports.render.comparison import print_comparison

        print_comparison(console, record)
        return
    from reports.render.console import print_record

    print_record(console, record)
