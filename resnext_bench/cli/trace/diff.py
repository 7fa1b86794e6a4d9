"""`trace diff`: what two traces, or the same rank of two recordings, differ in."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.cli.terminal.show import show_sections
from resnext_bench.cli.trace.watching import watched
from resnext_bench.errors import UsageError
from resnext_bench.reports.render.trace.diff import sections, sentences
from resnext_bench.reports.render.trace.warnings import error_in_words
from resnext_bench.reports.store.trace_files import find_traces
from resnext_bench.reports.trace.differences.pairs import Unpairable
from resnext_bench.reports.trace.differences.recorded import Recorded, compared, read
from resnext_bench.reports.trace.differences.sides import Side


def diff_command(
    a: str,
    b: str,
    output: Path | None,
    form: Format,
    *,
    top: int | None,
    rank: int | None,
    margin: float,
    is_paired: bool,
) -> int:
    """Read both, compare and print; 1 where b is slower by more than the margin."""
    sides = _read(a, output), _read(b, output)
    try:
        found = compared(
            *sides,
            margin_percent=margin,
            is_paired=is_paired,
            choose=lambda both: _chosen(both, rank),
        )
    except Unpairable as error:
        raise UsageError(f"--paired: {error}; leave it out") from error
    if form == "json":
        print_json(msgspec.json.encode(replace(found, warnings=sentences(found))))
    else:
        show_sections(sections(found, top), form)
    return int(found.is_beyond)


def _read(wanted: str, output: Path | None) -> Recorded:
    return read(find_traces(wanted, output), Path(wanted), error_in_words, watched)


def _chosen(both: Mapping[int, tuple[Side, Side]], rank: int | None) -> tuple[Side, Side] | None:
    if rank is None:
        return None
    if rank not in both:
        there = f"; both have {', '.join(map(str, sorted(both)))}" if both else ""
        raise UsageError(f"--rank {rank}: not both sides have a trace of that rank{there}")
    return both[rank]
