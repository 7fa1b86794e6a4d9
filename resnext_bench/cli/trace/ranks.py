"""`trace ranks`: the traces of several ranks side by side, one read after another."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.cli.terminal.show import show_sections
from resnext_bench.cli.trace.watching import watched
from resnext_bench.errors import UsageError
from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.render.model import Line
from resnext_bench.reports.render.trace.ranks import sections
from resnext_bench.reports.render.trace.warnings import error_in_words, sentences
from resnext_bench.reports.schema.trace_files import LeftOut
from resnext_bench.reports.schema.trace_ranks import RanksTimes
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.store.trace_files import FoundTraces, TraceFile, find_traces
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.ranks.rank import Rank, rank_of
from resnext_bench.reports.trace.ranks.times import times
from resnext_bench.reports.trace.recordings import last_cycles, left_out_facts, not_taken, together


def ranks_command(wanted: Sequence[str], top: int | None, output: Path | None, form: Format) -> int:
    """Read, compare and print; who is slow is a finding, and no failure of the command."""
    found = _found(wanted, output)
    told = read_ranks(found, Path(wanted[0]))
    doubts = list(dict.fromkeys(file.doubt for file in found.files if file.doubt))
    if form == "json":
        invalid = [warning("run_invalid", told=doubt) for doubt in doubts]
        facts = [*invalid, *told.facts]
        whole = replace(told, facts=facts, warnings=sentences(facts))
        print_json(msgspec.json.encode(whole))
        return 0
    lines = (Line(text=doubt, tone="bad", is_headline=True) for doubt in doubts)
    show_sections((*lines, *sections(told, top)), form)
    return 0


def read_ranks(found: FoundTraces, folder: Path) -> RanksTimes:
    """Return what the traces say together; of each only a few columns are kept.

    Raises TraceError where no two of them can be compared.
    """
    files, left = last_cycles(found.files)
    ranks, broken = _read(files)
    if not ranks:
        raise TraceError("; ".join(broken))
    kept, others = together([one.recording for one in ranks])
    left += [*others, *map(not_taken, found.beside)]
    facts = [
        *left_out_facts(left, folder),
        *(warning("file_unreadable", told=one) for one in broken),
    ]
    told = _compared([ranks[at] for at in kept], left, broken)
    return replace(told, facts=[*facts, *told.facts], left_out=left)


def _compared(ranks: Sequence[Rank], left: Sequence[LeftOut], broken: Sequence[str]) -> RanksTimes:
    """Compare the ranks of one recording; what else there was explains why they are too few."""
    try:
        return times(ranks)
    except TraceError as error:
        more = [f"{len(left)} more left out"] * bool(left) + list(broken)
        told = f" ({'; '.join(more)})" if more and len(ranks) < 2 else ""
        raise TraceError(f"{error}{told}") from None


def _found(wanted: Sequence[str], output: Path | None) -> FoundTraces:
    """Find the traces of all that was named, each file once."""
    if len(wanted) == 1 and Path(wanted[0]).is_file():
        raise UsageError(
            f"{wanted[0]}: one trace; name several, a folder of traces or a run to compare ranks"
        )
    every = [find_traces(one, output) for one in wanted]
    files = {file.path.resolve(): file for one in every for file in one.files}
    beside = {path: None for one in every for path in one.beside}
    return FoundTraces(files=tuple(files.values()), beside=tuple(beside))


def _read(files: Iterable[TraceFile]) -> tuple[list[Rank], list[str]]:
    """Read one trace after another, so that no two are in memory; also what cannot be read."""
    ranks: list[Rank] = []
    broken: list[str] = []
    every = list(files)
    for number, file in enumerate(every, 1):
        with watched(file.path, number, len(every)) as progress:
            try:
                analysis = analyse(file.path, progress, file.rank, details=True, layers=False)
            except TraceError as error:
                broken.append(error_in_words(error))
                continue
            ranks.append(rank_of(analysis, file))
            del analysis
    return ranks, broken
