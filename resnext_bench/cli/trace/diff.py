"""`trace diff`: what two traces, or the same rank of two recordings, differ in."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.cli.terminal.show import show_sections
from resnext_bench.cli.trace.many.reading import Reading, gather_recording
from resnext_bench.errors import UsageError
from resnext_bench.reports.render.trace.diff import sections, sentences
from resnext_bench.reports.store.trace_files import find_traces
from resnext_bench.reports.trace.differences.pairs import Unpairable
from resnext_bench.reports.trace.differences.recorded import Recorded, compared, doubts_of
from resnext_bench.reports.trace.differences.sides import Side
from resnext_bench.reports.trace.many.tasks import Siding


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
    reading: Reading,
) -> int:
    """Read both, compare and print; 1 where b is slower by more than the margin.

    Also 1 where a broken file was left out.
    """
    both = _read(a, output, reading), _read(b, output, reading)
    try:
        found = compared(
            *both,
            margin_percent=margin,
            is_paired=is_paired,
            choose=lambda common: _chosen(common, rank),
        )
    except Unpairable as error:
        raise UsageError(f"--paired: {error}; leave it out") from error
    if form == "json":
        print_json(msgspec.json.encode(replace(found, warnings=sentences(found))))
    else:
        show_sections(sections(found, top), form)
    return int(found.is_beyond or any(one.is_broken for one in both))


def _read(wanted: str, output: Path | None, reading: Reading) -> Recorded:
    """Analyse all traces of one recording."""
    traces = find_traces(wanted, output)
    found = gather_recording(Siding(), traces, Path(wanted), reading)
    return Recorded(
        ranks=tuple(one.side for one in found.parts),
        left_out=tuple(found.left),
        doubts=(*doubts_of(traces.files), *found.facts),
        is_broken=bool(found.broken),
    )


def _chosen(both: Mapping[int, tuple[Side, Side]], rank: int | None) -> tuple[Side, Side] | None:
    if rank is None:
        return None
    if rank not in both:
        there = f"; both have {', '.join(map(str, sorted(both)))}" if both else ""
        raise UsageError(f"--rank {rank}: not both sides have a trace of that rank{there}")
    return both[rank]
