"""The host's part of a kernel-time report: launches, waiting, gaps, streams, copies, threads."""

from collections.abc import Iterator, Sequence
from typing import Final

from resnext_bench.reports.render.kernel_names import fitting, short
from resnext_bench.reports.render.model import Column, Row, Section, Table, summary
from resnext_bench.reports.render.trace.words import count_each, each, ms, per, percent, period, us
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_host import BlockingRow, CopyRow, GapRow, Launches

_IDLE: Final = 0.03
"""Share of the steps' time from which on idle time is worth a table."""
_LONGEST_NAME: Final = 16
"""Characters of a name beside a more important one."""
_BOTH_NAMES: Final = 44
"""Characters of two names in a narrow line."""
_LEAST: Final = 1e-3
"""Share of the steps' time below which a row of calls is left out in the console."""


def waiting(report: TraceReport, few: int) -> Iterator[Section]:
    """Yield how the host kept the device busy, and where it did not; `few`: rows of a table."""
    host = report.host
    if host.launches:
        rows = _launch_rows(report, host.launches)
        yield summary(rows, title="how far the host ran ahead of the device")
    if sum(report.steps.idle_ns) >= _IDLE * report.sums.step_ns:
        if host.gaps:
            yield _gaps(report)
        if host.waited_for:
            yield _waited_for(report, few)


def rest(report: TraceReport, top: int, few: int) -> Iterator[Section]:
    """Yield what else is known of the host; tables that have no rows are left out."""
    host = report.host
    blocking = [row for row in host.blocking if row.total_ns >= _LEAST * report.sums.step_ns]
    if blocking:
        yield _blocking(report, blocking, few)
    if len(host.streams) > 1:
        yield _streams(report, top)
    if host.copies:
        yield _copies(report)
    if len(host.threads) > 1:
        yield _threads(report, top)


def _launch_rows(report: TraceReport, launches: Launches) -> Iterator[Row]:
    if queue := launches.queue:
        yield (
            "launch queue",
            (
                f"empty for {100 * queue.empty:.1f} % of the time; median {queue.median:,}, "
                f"at most {queue.most:,}"
            ),
        )
        yield (
            "launch to start",
            f"median {_time(queue.delay_median_ns)}, 95 % within {_time(queue.delay_p95_ns)}",
        )
    if launches.call_median_ns is not None:
        graphs = f", {count_each(report, launches.graphs)} of graphs" if launches.graphs else ""
        yield (
            "launch calls",
            (
                f"{count_each(report, launches.calls)} {per(report)}{graphs}, median "
                f"{us(launches.call_median_ns)} us, {each(report, launches.calls_ns)} ms in all"
            ),
        )
    short_, below = launches.under_10_us, launches.under_call
    yield (
        "short kernels",
        (
            f"{count_each(report, short_.count)} of {count_each(report, launches.kernels)} take "
            f"under 10 us ({each(report, short_.total_ns)} ms in all)"
        ),
    )
    if below.count:
        yield (
            "",
            (
                f"{count_each(report, below.count)} take less than their launch call "
                f"({each(report, below.total_ns)} ms in all)"
            ),
        )


def _time(ns: float) -> str:
    return f"{ms(ns)} ms" if ns >= 1e6 else f"{us(ns)} us"


def _gaps(report: TraceReport) -> Table:
    host = report.host
    what = "nothing runs on the device" if report.device is not None else "no operator runs"
    half = "one of them makes" if host.gaps_of_half == 1 else f"{host.gaps_of_half:,} of them make"
    title = (
        f"the longest of {host.gap_count:,} gaps in which {what}; {half} up half of the idle time"
    )
    if host.gap_count == 1:
        title = f"the one gap in which {what}"
    marked = any(row.step is not None for row in host.gaps)
    columns = (
        *_numbers("ms", "at, ms"),
        *(_numbers("step") if marked else ()),
        Column(name="host was in"),
        *_numbers("for, ms"),
        *_words("ended by"),
    )
    none = "range end" if period(report) == "range" else ""
    ends = [short(row.before) or none for row in host.gaps]
    room = _BOTH_NAMES - min(_LONGEST_NAME, max(map(len, ends)))
    doing = fitting([_doing(row) for row in host.gaps], room)
    cells = [
        (
            ms(row.length_ns),
            ms(row.start_ns),
            *(("" if row.step is None else str(row.step),) if marked else ()),
            did,
            ms(row.doing_ns) if row.doing_kind != "unknown" else "",
            end,
        )
        for row, did, end in zip(host.gaps, doing, ends, strict=True)
    ]
    return _table(title, columns, cells)


def _doing(row: GapRow) -> str:
    match row.doing_kind:
        case "none":
            return "Python, framework"
        case "unknown":
            return "?"
    inside = f" of {short(row.operator)}" if row.operator else ""
    return f"{short(row.doing)}{inside}"


def _waited_for(report: TraceReport, few: int) -> Table:
    rows = report.host.waited_for[:few]
    none = "none in the range" if period(report) == "range" else "unknown"
    cells = [
        (
            each(report, row.total_ns),
            percent(row.total_ns / max(1, report.sums.step_ns)),
            count_each(report, row.count),
            short(row.operator) or none,
        )
        for row in rows
    ]
    cut = _cut(report.host.waited_for, rows)
    title = f"idle time by the operator that ended it, ms {per(report)}{cut}"
    return _table(title, (*_numbers("ms", "share", "gaps"), *_words("operator")), cells)


def _blocking(report: TraceReport, found: list[BlockingRow], few: int) -> Table:
    rows = found[:few]
    cells = [
        (
            each(report, row.total_ns),
            count_each(report, row.count),
            f"{row.call} ({row.copies})" if row.copies else row.call,
            short(row.operator) or "the program itself",
        )
        for row in rows
    ]
    title = f"calls in which the host waits for the device, ms {per(report)}{_cut(found, rows)}"
    return _table(title, (*_numbers("ms", "count"), *_words("call", "made by")), cells)


def _streams(report: TraceReport, top: int) -> Table:
    rows = report.host.streams[:top]
    cells = [
        (
            str(row.stream),
            each(report, row.busy_ns),
            percent(row.busy_ns / max(1, report.sums.step_ns)),
            each(report, row.idle_ns),
            count_each(report, row.count),
            row.cls,
        )
        for row in rows
    ]
    title = f"streams, ms {per(report)}{_cut(report.host.streams, rows)}"
    columns = (*_numbers("stream", "busy", "share", "idle", "rows"), *_words("mostly"))
    return _table(title, columns, cells)


def _copies(report: TraceReport) -> Table:
    columns = (*_numbers("ms", "count", "MB", "GB/s"), *_words("copies"))
    cells = [_copy_cells(report, row) for row in report.host.copies]
    return _table(f"copies by direction, {per(report)}", columns, cells)


def _copy_cells(report: TraceReport, row: CopyRow) -> tuple[str, ...]:
    steps = max(1, len(report.steps.number))
    some = f" ({row.recorded:,} of {row.count:,} with a size)" if row.recorded < row.count else ""
    ways = {
        "HtoD": "to the device",
        "DtoH": "to the host",
        "DtoD": "within the device",
        "HtoH": "within the host",
        "PtoP": "between devices",
    }
    memory = f", {row.memory} memory" if row.memory else ""
    return (
        each(report, row.total_ns),
        count_each(report, row.count),
        f"{row.bytes / steps / 1e6:,.3g}" if row.recorded else "?",
        "?" if row.gb_per_s is None else f"{row.gb_per_s:,.3g}",
        f"{ways.get(row.direction, 'of unknown direction')}{memory}{some}",
    )


def _threads(report: TraceReport, top: int) -> Table:
    rows = report.host.threads[:top]
    cells = [
        (
            each(report, row.busy_ns),
            percent(row.busy_ns / max(1, report.sums.step_ns)),
            each(report, row.idle_ns),
            count_each(report, row.operators),
            f"{row.thread} of process {row.process}",
        )
        for row in rows
    ]
    title = f"threads with operators, ms {per(report)}{_cut(report.host.threads, rows)}"
    return _table(
        title, (*_numbers("busy", "share", "idle", "operators"), *_words("thread")), cells
    )


def _numbers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name=name, is_number=True) for name in names)


def _words(*names: str) -> tuple[Column, ...]:
    """Return columns of words, of which the last takes the rest of the line."""
    return tuple(Column(name=name, is_name=name == names[-1]) for name in names)


def _table(title: str, columns: tuple[Column, ...], cells: Sequence[tuple[str, ...]]) -> Table:
    return Table(columns=columns, groups=(tuple(cells),), title=title)


def _cut(rows: Sequence[object], shown: Sequence[object]) -> str:
    return f", the first {len(shown)} of {len(rows)}" if len(rows) > len(shown) else ""
