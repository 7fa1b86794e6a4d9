"""`trace report`: one trace in full, or all ranks side by side and one of them in full."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.cli.terminal.show import show_sections
from resnext_bench.cli.trace.capture import Captures
from resnext_bench.cli.trace.many.reading import Reading, gather_recording
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.render.model import Line, Section
from resnext_bench.reports.render.trace.layer_rows import Chosen, Modules
from resnext_bench.reports.render.trace.layers import WITH_MODULES
from resnext_bench.reports.render.trace.recordings import mixed
from resnext_bench.reports.render.trace.report import ranks_sections, sections
from resnext_bench.reports.render.trace.warnings import in_words, lines
from resnext_bench.reports.render.trace.warnings import sentences as words_of
from resnext_bench.reports.schema.trace import RanksReport, TraceReport
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.store.runs import option_for
from resnext_bench.reports.store.trace_files import FoundTraces, TraceFile, find_traces
from resnext_bench.reports.trace.many.tasks import Reporting
from resnext_bench.reports.trace.ranks.side_by_side import ranks
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
    reading: Reading = Reading(),  # noqa: B008  # frozen
    capture: str | None = None,
) -> int:
    """Read, report and print; 1 where a broken file was left out.

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
        traces,
        whole=files[0].path != Path(wanted),
        span=span,
        layers=chosen.is_wanted,
        folder=wanted,
        reading=reading,
        captures=captures,
    )
    code = int(any(one.kind == "file_unreadable" for one in found.facts))
    _require_modules(_chosen(found, rank), chosen)
    if form == "json":
        found = in_words(replace(found, ranks=[_doubted(one, files) for one in found.ranks]))
        print_json(msgspec.json.encode(found.ranks[0] if _alone(found) else found))
        return code
    doubts = (Line(text=doubt, tone="bad", is_headline=True) for doubt in _doubts(files))
    show_sections((*doubts, *sections_of(found, top, rank, chosen)), form)
    return code


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


def profiled_sections(run: str, root: Path) -> Iterator[Section]:
    """Yield a short report on the traces of a run that has just ended, which stands without it."""
    command = f"resnext-bench trace report {run}{option_for(root)}"
    try:
        traces = find_traces(str(root / run), root)
        found = read_reports(traces, whole=True, reading=Reading(keep_going=True))
        told = sections_of(found, _IN_SHORT, None)
    except (StoreError, CannotHere) as error:
        told = lines([f"no kernel-time report: {error}"])
        command = ""
    yield Line(text="")
    yield from told
    if command:
        yield Line(text=f"Full report: {command}", is_command=True)


def read_reports(
    traces: FoundTraces,
    *,
    whole: bool,
    span: Span | None = None,
    layers: bool = True,
    folder: str = "",
    reading: Reading = Reading(),  # noqa: B008  # frozen
    captures: Captures | None = None,
) -> RanksReport:
    """Report on all files of one recording.

    `whole`: they are meant to be all ranks, so that it is told which are missing; `layers`: with
    the modules of the model; `folder`: where they were found; `captures`: traces that tell what
    kernels of graphs are.
    """
    task = Reporting(span=span, layers=layers, capture=None if captures is None else captures.of)
    if captures is not None:  # one is kept for all that need it, in this process
        reading = dataclasses.replace(reading, jobs=1)
    told = gather_recording(task, traces, Path(folder), reading)
    reports = [one.report for one in told.parts]
    if captures is not None:
        captures.require_use(reports)
    found = ranks(reports, [one.talks for one in told.parts], whole=whole)
    return replace(found, facts=[*told.facts, *found.facts], left_out=told.left)


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
