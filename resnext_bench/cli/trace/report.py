"""`trace report`: one trace in full, or all ranks side by side and one of them in full."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.cli.terminal.show import show_sections
from resnext_bench.cli.trace.capture import Captures
from resnext_bench.cli.trace.watching import watched
from resnext_bench.errors import UsageError
from resnext_bench.reports.errors import StoreError, TraceError
from resnext_bench.reports.render.model import Line, Section
from resnext_bench.reports.render.trace.layer_rows import Chosen, Modules
from resnext_bench.reports.render.trace.layers import WITH_MODULES
from resnext_bench.reports.render.trace.recordings import mixed
from resnext_bench.reports.render.trace.report import ranks_sections, sections
from resnext_bench.reports.render.trace.warnings import error_in_words, in_words, lines
from resnext_bench.reports.render.trace.warnings import sentences as words_of
from resnext_bench.reports.schema.trace import RanksReport, TraceReport
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.store.runs import option_for
from resnext_bench.reports.store.trace_files import TraceFile, find_traces, trace_files
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.ranks.side_by_side import Collectives, collectives, ranks
from resnext_bench.reports.trace.recordings import (
    Recording,
    last_cycles,
    left_out_facts,
    not_taken,
    recording,
    together,
)
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.time.spans import Span

_NAMES: Final = 8
"""Modules that are named where a pattern fits none."""
_IN_SHORT: Final = 5
"""Number of rows of each table in the short report at the end of a profiled run."""


def report_command(
    wanted: str,
    top: int | None,
    rank: int | None,
    output: Path | None,
    form: Format,
    span: Span | None = None,
    chosen: Chosen | None = None,
    capture: str | None = None,
) -> int:
    """Read, report and print.

    `span`: on a range of each trace instead of its steps; `chosen`: which modules of the model;
    `capture`: another trace, which tells what kernels of graphs are.
    """
    chosen = chosen or Chosen()
    if not chosen.is_wanted and (chosen.module is not None or chosen.depth is not None):
        raise UsageError("--no-layers leaves modules out: give it without --module and --depth")
    if chosen.module is not None and not chosen.module.strip():
        raise UsageError(f"--module '{chosen.module}': an empty pattern")
    traces = find_traces(wanted, output)
    files = traces.files
    captures = None if capture is None else Captures(capture, output, layers=chosen.is_wanted)
    found = read_reports(
        files,
        whole=not Path(wanted).is_file(),
        span=span,
        layers=chosen.is_wanted,
        folder=wanted,
        beside=traces.beside,
        captures=captures,
    )
    _require_modules(_chosen(found, rank), chosen)
    if form == "json":
        found = in_words(replace(found, ranks=[_doubted(one, files) for one in found.ranks]))
        print_json(msgspec.json.encode(found.ranks[0] if _alone(found) else found))
        return 0
    doubts = (Line(text=doubt, tone="bad", is_headline=True) for doubt in _doubts(files))
    show_sections((*doubts, *sections_of(found, top, rank, chosen)), form)
    return 0


def span_of(begin_ms: float | None, end_ms: float | None) -> Span | None:
    """Return the range that was asked for; None: none was."""
    if begin_ms is None and end_ms is None:
        return None
    start, end = (None if one is None else round(one * 1e6) for one in (begin_ms, end_ms))
    return Span(start=start, end=end)


def _doubts(files: Sequence[TraceFile]) -> list[str]:
    """Return why the run that left the traces is not to be believed."""
    return list(dict.fromkeys(file.doubt for file in files if file.doubt))


def _doubted(report: TraceReport, files: Sequence[TraceFile]) -> TraceReport:
    invalid = [warning("run_invalid", told=doubt) for doubt in _doubts(files)]
    return replace(report, facts=[*invalid, *report.facts])


def show_profiled(run: str, root: Path, form: Format) -> None:
    """Show a short report on the traces of a run that has just ended; the run stands without it."""
    command = f"resnext-bench trace report {run}{option_for(root)}"
    try:
        found = read_reports(trace_files(str(root / run), root), whole=True)
        told = sections_of(found, _IN_SHORT, None)
    except StoreError as error:
        told = lines([f"no kernel-time report: {error}"])
        command = ""
    rest = [Line(text=f"Full report: {command}", is_command=True)] if command else []
    show_sections((Line(text=""), *told, *rest), form)


def read_reports(
    files: Sequence[TraceFile],
    *,
    whole: bool,
    span: Span | None = None,
    layers: bool = True,
    folder: str = "",
    beside: Sequence[Path] = (),
    captures: Captures | None = None,
) -> RanksReport:
    """Report on all files of one recording; one that cannot be read is a warning if another can.

    `whole`: they are meant to be all ranks, so that it is told which are missing; `layers`: with
    the modules of the model; `beside`: files of `folder` that were not taken for traces;
    `captures`: traces that tell what kernels of graphs are.
    """
    reports: list[TraceReport] = []
    talks: list[Collectives] = []
    recorded: list[Recording] = []
    broken: list[str] = []
    files, left = last_cycles(files)
    for number, file in enumerate(files, 1):
        with watched(file.path, number, len(files)) as progress:
            try:
                analysis = analyse(
                    file.path,
                    progress,
                    file.rank,
                    span,
                    layers=layers,
                    capture=None if captures is None else captures.of(file),
                )
            except TraceError as error:
                broken.append(error_in_words(error))
                continue
        reports.append(report(analysis, layers=layers))
        talks.append(collectives(analysis))
        recorded.append(recording(analysis, file))
    if not reports:
        raise TraceError("; ".join(broken))
    if captures is not None:
        captures.require_use(reports)
    kept, others = together(recorded)
    left += [*others, *map(not_taken, beside)]
    found = ranks([reports[at] for at in kept], [talks[at] for at in kept], whole=whole)
    unreadable = [warning("file_unreadable", told=one) for one in broken]
    facts = [*left_out_facts(left, Path(folder)), *unreadable, *found.facts]
    return replace(found, facts=facts, left_out=left)


def sections_of(
    found: RanksReport, top: int | None, rank: int | None, chosen: Chosen | None = None
) -> Iterator[Section]:
    """List several ranks in a table first, then one of them in full."""
    one, chosen = _chosen(found, rank), chosen or Chosen()
    _require_modules(one, chosen)
    yield from mixed(found)
    if len(found.ranks) > 1:
        yield from ranks_sections(found)
    yield from sections(one, top, chosen)
    if len(found.ranks) == 1:
        yield from lines(words_of(found.facts))


def _alone(found: RanksReport) -> bool:
    return len(found.ranks) == 1 and not found.facts


def _chosen(found: RanksReport, rank: int | None) -> TraceReport:
    """Return the rank asked for, else the one with the longest steps."""
    if rank is None:
        return max(found.ranks, key=_step_ns)
    for one in found.ranks:
        if one.rank == rank:
            return one
    ranks = sorted(one.rank for one in found.ranks if one.rank is not None)
    if not ranks:
        raise UsageError(f"--rank {rank}: no trace here tells its rank")
    if len(ranks) == 1:
        raise UsageError(f"--rank {rank}: the only rank here is {ranks[0]}")
    known = ", ".join(map(str, ranks))
    raise UsageError(f"--rank {rank}: there is no such trace; there are traces of ranks {known}")


def _step_ns(one: TraceReport) -> float:
    return one.sums.step_ns / (len(one.steps.number) or max(1, one.trust.steps_used))


def _require_modules(report: TraceReport, chosen: Chosen) -> None:
    """Raise UsageError where there are no modules, or, with names, where a pattern fits none."""
    asked = f"--module {chosen.module}" if chosen.module is not None else f"--depth {chosen.depth}"
    if chosen.module is None and chosen.depth is None:
        return
    if report.layers is None or not report.layers.rows:
        raise UsageError(f"{asked}: this trace names no modules; profile with {WITH_MODULES}")
    if chosen.module is None:
        return
    modules = Modules(report.layers)
    if not modules.named(chosen.module):
        rows = report.layers.rows
        names = [row.part if " > " in row.name else row.name for row in rows]
        few = ", ".join(names[:_NAMES]) + (", ..." if len(names) > _NAMES else "")
        raise UsageError(f"--module {chosen.module}: fits no module; there are {few}")
