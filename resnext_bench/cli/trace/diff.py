"""`trace diff`: what two traces, or the same rank of two recordings, differ in."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace

from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.cli.terminal.show import show_sections
from resnext_bench.cli.trace.many.reading import Reading, gather
from resnext_bench.errors import UsageError
from resnext_bench.reports.render.trace.diff import sections, sentences
from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_diff import TraceDiff
from resnext_bench.reports.schema.trace_files import LeftOut
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.store.trace_files import find_traces
from resnext_bench.reports.trace.differences.differences import difference
from resnext_bench.reports.trace.differences.ranks import in_common, longest, rank_deltas
from resnext_bench.reports.trace.differences.sides import Side
from resnext_bench.reports.trace.many.tasks import Siding
from resnext_bench.reports.trace.recordings import (
    last_cycles,
    left_out_facts,
    not_taken,
    together,
)
from resnext_bench.wording import count_of


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """What is there of one side."""

    ranks: tuple[Side, ...]
    left_out: tuple[LeftOut, ...]
    doubts: tuple[Note, ...]
    """Why the run that left the traces is not to be believed, and files that cannot be read."""
    is_broken: bool
    """Whether there are such files."""


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
    found = _compared(*both, rank, margin, is_paired=is_paired)
    if form == "json":
        print_json(msgspec.json.encode(replace(found, warnings=sentences(found))))
    else:
        show_sections(sections(found, top), form)
    return int(found.is_beyond or any(one.is_broken for one in both))


def _read(wanted: str, output: Path | None, reading: Reading) -> _Found:
    """Analyse all traces of one recording."""
    traces = find_traces(wanted, output)
    files, left = last_cycles(traces.files)
    gathered = gather(Siding(), dataclasses.replace(traces, files=tuple(files)), reading)
    kept, others = together([one.recording for one in gathered.kept])
    invalid = [warning("run_invalid", told=one.doubt) for one in files if one.doubt]
    left_out = (*left, *gathered.left, *others, *map(not_taken, traces.beside))
    return _Found(
        ranks=tuple(gathered.kept[at].side for at in kept),
        left_out=left_out,
        doubts=(*invalid[:1], *left_out_facts(left_out, Path(wanted)), *gathered.facts),
        is_broken=bool(gathered.broken),
    )


def _compared(
    a: _Found, b: _Found, rank: int | None, margin: float, *, is_paired: bool
) -> TraceDiff:
    """Compare the rank that was asked for, else the common one with the longest step."""
    both = in_common(a.ranks, b.ranks)
    of_a, of_b = _chosen(a.ranks, b.ranks, both, rank)
    if is_paired and of_a.steps != of_b.steps:
        raise UsageError(
            f"--paired: a has {count_of(of_a.steps, 'step')} and b {of_b.steps}, so that not each "
            "has a partner; leave it out"
        )
    found = difference(of_a, of_b, margin_percent=margin, is_paired=is_paired)
    doubts = [
        replace(doubt, side=which) for which, one in (("a", a), ("b", b)) for doubt in one.doubts
    ]
    return replace(
        found,
        a=replace(found.a, ranks=len(a.ranks), left_out=list(a.left_out)),
        b=replace(found.b, ranks=len(b.ranks), left_out=list(b.left_out)),
        ranks=rank_deltas(both) if len(both) > 1 else [],
        facts=[*doubts, *found.facts],
    )


def _chosen(
    a: Sequence[Side], b: Sequence[Side], both: Mapping[int, tuple[Side, Side]], rank: int | None
) -> tuple[Side, Side]:
    if rank is None:
        return longest(a, b, both)
    if rank not in both:
        there = f"; both have {', '.join(map(str, sorted(both)))}" if both else ""
        raise UsageError(f"--rank {rank}: not both sides have a trace of that rank{there}")
    return both[rank]
