"""`trace ranks`: the traces of several ranks side by side."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.cli.terminal.show import show_sections
from resnext_bench.cli.trace.many.reading import Reading, gather_recording
from resnext_bench.errors import UsageError
from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.render.model import Line
from resnext_bench.reports.render.trace.ranks import sections
from resnext_bench.reports.render.trace.warnings import error_in_words, of_ranks
from resnext_bench.reports.schema.trace_files import LeftOut
from resnext_bench.reports.schema.trace_ranks import RanksTimes
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.store.trace_files import FoundTraces, find_traces
from resnext_bench.reports.trace.many.tasks import Ranking
from resnext_bench.reports.trace.ranks.rank import Rank
from resnext_bench.reports.trace.ranks.times import times


def ranks_command(
    wanted: Sequence[str], top: int | None, output: Path | None, form: Format, reading: Reading
) -> int:
    """Read, compare and print; who is slow is a finding, and no failure of the command.

    1 where a broken file was left out.
    """
    found = _found(wanted, output)
    told = read_ranks(found, Path(wanted[0]), reading)
    code = int(any(one.kind == "file_unreadable" for one in told.facts))
    doubts = list(dict.fromkeys(file.doubt for file in found.files if file.doubt))
    if form == "json":
        invalid = [warning("run_invalid", told=doubt) for doubt in doubts]
        facts = [*invalid, *told.facts]
        whole = replace(told, facts=facts, warnings=of_ranks(replace(told, facts=facts)))
        print_json(msgspec.json.encode(whole))
        return code
    lines = (Line(text=doubt, tone="bad", is_headline=True) for doubt in doubts)
    show_sections((*lines, *sections(told, top)), form)
    return code


def read_ranks(found: FoundTraces, folder: Path, reading: Reading) -> RanksTimes:
    """Return what the traces say together; of each only a few columns are kept.

    Raises TraceError where no two of them can be compared, or one is broken and may not be left
    out.
    """
    read = gather_recording(Ranking(), found, folder, reading)
    broken = [error_in_words(one) for one in read.broken]
    told = _compared(read.parts, read.left, broken)
    return replace(told, facts=[*read.facts, *told.facts], left_out=read.left)


def _compared(ranks: Sequence[Rank], left: Sequence[LeftOut], broken: Sequence[str]) -> RanksTimes:
    """Compare the ranks of one recording; what else there was explains why they are too few."""
    try:
        return times(ranks)
    except TraceError as error:
        more = [f"{len(left)} more left out"] * bool(left) + list(broken)
        told = more if len(ranks) < 2 else []
        raise TraceError("; ".join([str(error), *told])) from None


def _found(wanted: Sequence[str], output: Path | None) -> FoundTraces:
    """Find the traces of all that was named, each file once."""
    every = [find_traces(one, output) for one in wanted]
    if len(wanted) == 1 and every[0].files[0].path == Path(wanted[0]):
        raise UsageError(
            f"{wanted[0]}: one trace; name several, a folder or an archive of traces, or a run to "
            "compare ranks"
        )
    files = {file.path.resolve(): file for one in every for file in one.files}
    return FoundTraces(
        files=tuple(files.values()),
        beside=tuple({path: None for one in every for path in one.beside}),
        replaced=tuple({path: None for one in every for path in one.replaced}),
        broken=tuple(error for one in every for error in one.broken),
    )
