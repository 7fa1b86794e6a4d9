"""The difference of two recordings: all ranks of both are read, and one rank of each compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_diff import TraceDiff
from resnext_bench.reports.schema.trace_files import LeftOut
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.store.trace_files import FoundTraces, TraceFile
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.differences.differences import difference
from resnext_bench.reports.trace.differences.ranks import in_common, longest, rank_deltas
from resnext_bench.reports.trace.differences.sides import Side, side
from resnext_bench.reports.trace.reading.source import no_progress
from resnext_bench.reports.trace.recordings import (
    Recording,
    last_cycles,
    left_out_facts,
    not_taken,
    recording,
    together,
)

Told = Callable[[TraceError], str]
"""Puts into words what is wrong with a file."""
Choice = Callable[[Mapping[int, tuple[Side, Side]]], tuple[Side, Side] | None]
"""Chooses a rank among those that both sides have; None: the one with the longest step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What is there of one side."""

    ranks: tuple[Side, ...]
    left_out: tuple[LeftOut, ...]
    doubts: tuple[Note, ...]
    """Why the run that left the traces is not to be believed, and files that cannot be read."""
    is_broken: bool
    """Whether there are files that cannot be read."""


def read(traces: FoundTraces, folder: Path, told: Told) -> Recorded:
    """Analyse all traces of one recording; one that cannot be read is told if another can.

    Raises TraceError where none can. Files are told as they are called in `folder`.
    """
    files, left = last_cycles(traces.files)
    parts: list[tuple[Side, Recording]] = []
    broken: list[str] = []
    for file in files:
        try:
            analysis = analyse(file.path, no_progress, file.rank)
        except TraceError as error:
            broken.append(told(error))
            continue
        parts.append((side(analysis), recording(analysis, file)))
    if not parts:
        raise TraceError("; ".join(broken))
    kept, others = together([one for _, one in parts])
    left_out = (*left, *others, *map(not_taken, traces.beside))
    unreadable = [warning("file_unreadable", told=one) for one in broken]
    return Recorded(
        ranks=tuple(parts[at][0] for at in kept),
        left_out=left_out,
        doubts=(*doubts_of(files), *left_out_facts(left_out, folder), *unreadable),
        is_broken=bool(broken),
    )


def doubts_of(files: Sequence[TraceFile]) -> tuple[Note, ...]:
    """Return why the run that left the files is not to be believed, if so."""
    return tuple(warning("run_invalid", told=one.doubt) for one in files if one.doubt)[:1]


def compared(
    a: Recorded,
    b: Recorded,
    *,
    margin_percent: float,
    is_paired: bool = False,
    choose: Choice = lambda both: None,
) -> TraceDiff:
    """Compare one rank of both, with what is to be doubted of either recording.

    Raises TraceError as `difference` does.
    """
    both = in_common(a.ranks, b.ranks)
    of_a, of_b = choose(both) or longest(a.ranks, b.ranks, both)
    found = difference(of_a, of_b, margin_percent=margin_percent, is_paired=is_paired)
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
