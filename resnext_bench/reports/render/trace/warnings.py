"""The words of what to doubt of a trace (`reports/schema/trace_warnings.py`)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.render.model import Line
from resnext_bench.reports.render.trace import alone, graphs
from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace import RanksReport, TraceReport
from resnext_bench.reports.schema.trace_ranks import RanksTimes, TraceDoubts
from resnext_bench.reports.schema.trace_warnings import WarningKind
from resnext_bench.wording import count_of

_Values = Mapping[str, Any]
_NUMBERS: Final = 8
"""Ranks and devices that a sentence names."""
_NAMES: Final = 4
"""Files and names of devices that a sentence names."""


def lead(report: TraceReport) -> Iterator[Line]:
    """Yield what a reader must know before any figure."""
    if report.alone:
        yield from lines(alone.sentences(report.alone))


def rest(report: TraceReport) -> Iterator[Line]:
    """Yield what to doubt that does not lead."""
    return lines(sentences(_not_leading(report)))


def overview(found: RanksReport) -> Iterator[Line]:
    """Yield what to doubt of several reports together, and of each of them."""
    traces = (
        TraceDoubts(rank=one.rank, file=one.file, facts=list(_not_leading(one)))
        for one in found.ranks
    )
    return lines([*sentences(found.facts), *of_traces(traces)])


def lines(told: Iterable[str]) -> Iterator[Line]:
    """Yield a line for each sentence."""
    return (Line(label="warning", text=one) for one in told)


def in_words(found: RanksReport) -> RanksReport:
    """Return the reports with the sentences of their warnings, for those who read them as JSON."""
    ranks = list(map(report_in_words, found.ranks))
    return replace(found, ranks=ranks, warnings=sentences(found.facts))


def of_ranks(found: RanksTimes) -> list[str]:
    """Return a sentence for each warning of all ranks together, and for those of single traces."""
    return [*sentences(found.facts), *of_traces(found.traces)]


def of_traces(traces: Iterable[TraceDoubts]) -> list[str]:
    """Return a sentence for each kind of warning of single traces, and of which ranks it is.

    Where only the numbers in it differ it is told once, with those of the first.
    """
    alike: dict[object, list[tuple[TraceDoubts, Note]]] = {}
    for trace in traces:
        for one in trace.facts:
            alike.setdefault(one.group, []).append((trace, one))
    return [f"{_whose(each)}: {_sentence(each[0][1])}" for each in alike.values()]


def _whose(each: Sequence[tuple[TraceDoubts, Note]]) -> str:
    """Return which traces a warning is of, and whose numbers it has."""
    names = [trace.file if trace.rank is None else trace.rank for trace, _ in each]
    if len(names) == 1:
        return str(names[0]) if each[0][0].rank is None else f"rank {names[0]}"
    words = "traces" if any(trace.rank is None for trace, _ in each) else "ranks"
    numbers = "" if all(one == each[0][1] for _, one in each) else f" (numbers of {names[0]})"
    return f"{words} {_few(names, _NUMBERS)}{numbers}"


def report_in_words(report: TraceReport) -> TraceReport:
    """Return a report with the sentences of its warnings, those that lead first."""
    leading = alone.sentences(report.alone) if report.alone else ()
    return replace(report, warnings=[*leading, *sentences(_not_leading(report))])


def _not_leading(report: TraceReport) -> Iterator[Note]:
    """Yield all warnings but `host_alone`, whose sentences rest on the report's evidence."""
    return (one for one in report.facts if one.kind != "host_alone")


def error_in_words(error: TraceError) -> str:
    """Return the message of an error, with what is wrong with the file."""
    told = "; ".join(sentences(error.facts))
    return f"{error} ({told})" if told else str(error)


def sentences(facts: Iterable[Note]) -> list[str]:
    """Return a sentence for each warning."""
    return [_sentence(one) for one in facts]


def _sentence(one: Note) -> str:
    words = _WORDS.get(one.kind, one.kind)  # type: ignore[call-overload]  # newer kinds have none
    return words.format_map(one.values) if isinstance(words, str) else words(one.values)


def _damage(words: str) -> Callable[[_Values], str]:
    """Return what is wrong with a file, of which something was read or nothing."""
    covered = "; the report covers what was read before"
    return lambda values: words.format_map(values) + (covered if values.get("covered") else "")


def _bytes_ignored(values: _Values) -> str:
    are = "is" if values["count"] == 1 else "are"
    return f"{count_of(values['count'], 'byte')} after the end of the gzip data {are} ignored"


def _rows_unreadable(values: _Values) -> str:
    rows, byte = values["rows"], values["byte"]
    told = "1 row cannot be read and is" if rows == 1 else f"{rows:,} rows cannot be read and are"
    return f"{told} left out, the first at byte {byte:,}"


def _rows_odd(values: _Values) -> str:
    what = {
        "negative duration": "negative duration",
        "no time": "no time, or a duration that cannot be,",
        "beyond range": "number beyond its range",
        "no bytes": "memory allocated or freed, and no number of bytes,",
    }[values["of"]]
    rows, are = ("1 row", "is") if values["rows"] == 1 else (f"{values['rows']:,} rows", "are")
    return f"{rows} with {what} {are} left out"


def _rows_unknown(values: _Values) -> str:
    whose = " of a device" if values["of_device"] else ""
    names = alone.listed(values["names"])
    many = count_of(values["rows"], "row")
    return f"{many}{whose} left out, as what they are is not known here: {names}"


def _impossible(values: _Values) -> str:
    """Say how many rows, what was done with them, and what is wrong with them."""
    rows = f"{count_of(values['rows'], 'row')} of the {values['on']}"
    return _IMPOSSIBLE[values["of"]].format(rows=rows, far=_length(values["largest_ns"]))


def _length(ns: int) -> str:
    """Return a time in a unit that suits it."""
    for unit, size in (("years", 31_557_600e9), ("days", 86_400e9), ("hours", 3_600e9)):
        if ns >= 2 * size:
            return f"{ns / size:,.0f} {unit}"
    if ns >= 10_000_000_000:
        return f"{ns / 1e9:,.0f} s"
    return f"{ns / 1e6:,.1f} ms" if ns >= 1_000_000 else f"{ns / 1e3:,.0f} us"


def _without_work(values: _Values) -> str:
    return (
        f"the trace names {_few(values['names'], _NAMES)}, and holds no work of a device: if the "
        "program used it, this is its host's part alone"
    )


def _unmarked(values: _Values) -> str:
    none = (
        "no steps are marked (no ProfilerStep#N, and no annotation and no launches repeat over "
        "most of it): "
    )
    if values.get("of") == "memory":
        return (
            f"{none}whether memory grows from step to step cannot be told, nor which blocks "
            "outlive their step; call profiler.step() after each step"
        )
    return (
        f"{none}the time from the first work to the last is taken as one step; call "
        "profiler.step() after each step, or give a range (--from, --to)"
    )


def _others(values: _Values) -> str:
    return (
        f"this report is on device {values['device']}, which did most of the work; left out: "
        f"{_few(values['others'], _NUMBERS)}"
    )


def _missing(values: _Values) -> str:
    ranks, world = values["ranks"], values["world"]
    return f"traces of {len(ranks)} of {world} ranks are missing: {_few(ranks, _NUMBERS)}"


def _left_out(values: _Values) -> str:
    names = values["names"]
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    many = count_of(len(names), "file")
    return f"{many} left out ({_WHY[values['of']]}): {', '.join(names[:_NAMES])}{more}"


def _ranks(numbers: Sequence[object]) -> str:
    return f"{'rank' if len(numbers) == 1 else 'ranks'} {_few(numbers, _NUMBERS)}"


def _few(names: Sequence[object], most: int) -> str:
    """List the first of them."""
    return ", ".join(map(str, names[:most])) + (", ..." if len(names) > most else "")


_IMPOSSIBLE: Final = {
    "far": (
        "{rows} left out: without a time, or hours to decades away from all others (up to "
        "{far}), as the profiler could not time them"
    ),
    "before launch": (
        "{rows} left out: a beginning before that of the call that launched it, by up to {far}"
    ),
    "out of order": (
        "{rows} left out: a time out of the order in which the work of its stream was "
        "launched, by up to {far}"
    ),
    "too long": "{rows} left out: a duration of an hour or more, up to {far}",
    "overlap": (
        "{rows} cut, by up to {far}: a duration that runs on while later work of the same "
        "stream runs, which does one thing after another"
    ),
    "mixed streams": (
        "{rows} overlap others of their own stream, by up to {far}: the trace gives several "
        "streams one number, or wrong durations; which is undetermined, and nothing was cut"
    ),
    "clocks": (
        "the clocks of device and host differ by {far}, as work would have begun before it "
        "was launched: {rows} moved by as much"
    ),
}
_WHY: Final = {
    "cycle": "earlier cycles of the same processes",
    "later": "later cycles, which not all of the processes have",
    "recording": "recorded at another time, or by other processes",
    "run": "of another run",
    "world": "of a world of another size",
    "rank": "more than the world has ranks, and nothing tells which of them belong together",
    "twice": "the same rank twice",
    "hidden": "hidden",
    "name": "not read, as others are called *.pt.trace.json, or *.json",
    "replaced": "a later member of the archive has the same name",
    "other": "JSON of something else than traces",
}
_SEPARATED: Final = "waiting and transfer cannot be separated"
_WORDS: Final[dict[WarningKind, str | Callable[[_Values], str]]] = {
    "bytes_after_gzip": (
        "bytes after the end of the gzip data are ignored: the trace before them is whole"
    ),
    "bytes_ignored": _bytes_ignored,
    "gzip_damaged": _damage("gzip data are damaged near byte {byte:,}: {why}"),
    "gzip_cut": _damage("gzip data end too early, at byte {byte:,}"),
    "archive_damaged": _damage("its archive is damaged: {why}"),
    "archive_cut": "{why}",
    "events_cut": "the file ends within its events, at byte {byte:,}; the rest is missing",
    "end_unreadable": "the file cannot be read after the end of the events: rows may be missing",
    "rows_unreadable": _rows_unreadable,
    "rows_odd": _rows_odd,
    "rows_unknown": _rows_unknown,
    "times_impossible": _impossible,
    "device_without_work": _without_work,
    "other_devices": _others,
    "steps_unmarked": _unmarked,
    "steps_without_work": (
        "no step has work in the trace: it is not possible to say where its time went"
    ),
    "launches_without_kernels": (
        "in every step, up to {share:.0%} of the launches have no kernel in the trace: the idle "
        "time shown is too long"
    ),
    "kernels_without_launches": (
        "there are no launches in the trace: work is assigned to the step in which it ran"
    ),
    "graphs_untold": graphs.untold,
    "times_coarse": (
        "time stamps have a resolution of {resolution_ns:,.0f} ns: times of short kernels are rough"
    ),
    "memory_totals_missing": (
        "{on}: the trace has no totals of the allocator: sizes are of what was allocated while it "
        "was recorded, or freed"
    ),
    "memory_by_size": (
        "{on}: blocks have no addresses: a free is taken to be of the last block of its size, so "
        "that which of several equal ones was there is assumed"
    ),
    "memory_totals_negative": lambda values: (
        f"{values['on']}: {count_of(values['rows'], 'row')} of memory with a total below 0, which "
        "is not used"
    ),
    "memory_rows_moved": lambda values: (
        f"{values['on']}: {count_of(values['rows'], 'row')} of memory out of order, put where "
        "totals follow from one another: threads allocated at once"
    ),
    "memory_rows_lost": lambda values: (
        f"{values['on']}: {count_of(values['rows'], 'row')} of memory must be missing, as "
        "addresses are allocated or freed twice in succession"
    ),
    "memory_not_recorded": lambda values: (
        f"{values['on']}: the allocator's total changes by up to {values['bytes']:,} bytes more "
        "than its rows say: threads that were not recorded, or rows that are missing"
    ),
    "ranks_missing": _missing,
    "ranks_unknown": lambda values: (
        f"{count_of(values['count'], 'trace')} without a rank, in the trace or by its name"
    ),
    "ranks_twice": lambda values: (
        f"several traces are of rank {', '.join(map(str, values['ranks']))}"
    ),
    "ranks_without_work": lambda values: (
        f"not compared, as their traces hold no work of their device: {_ranks(values['ranks'])}"
    ),
    "steps_renumbered": lambda values: (
        f"traces do not begin with the same step, as collectives tell: the steps of "
        f"{_ranks(values['ranks'])} are numbered {values['by']:+d}"
    ),
    "steps_not_shared": f"ranks have no step in common: {_SEPARATED}",
    "collectives_differ": f"ranks have different collectives: {_SEPARATED}",
    "clocks_differ": (
        "clocks of the ranks differ by more than a collective takes: its transfer is shown as 0"
    ),
    "recorded_apart": lambda values: (
        f"ranks were recorded at different times, by their clocks ({values['apart_ns'] / 1e9:,.3g} "
        "s from the end of one trace to the beginning of another): their collectives are not "
        "matched"
    ),
    "files_left_out": _left_out,
    "file_unreadable": "{told}",
    "run_invalid": "{told}",
}
