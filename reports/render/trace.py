"""A kernel-time report on the terminal: where a step goes, who takes it, what to doubt."""

from collections.abc import Iterator, Sequence

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports.render.bars import bar
from reports.render.kernel_names import short
from reports.schema.trace import (
    ClassRow,
    ConvRow,
    KernelRow,
    LayoutRow,
    RanksReport,
    Steps,
    TraceReport,
)

_COLOURS = {"layout transform": "yellow", "communication": "magenta", "other": "dim"}


def print_trace(console: Console, report: TraceReport, top: int) -> None:
    """All of one report, each table cut after `top` rows."""
    console.print(_summary(report))
    if report.classes:
        console.print(_classes(report))
        console.print(_kernels(report, top, console.width))
    if report.convs:
        console.print(_convs(report, top, console.width))
    if report.layout.rows:
        console.print(_layout(report, top))
    print_warnings(console, report.warnings)


def print_warnings(console: Console, warnings: Sequence[str]) -> None:
    """What to doubt, a line each."""
    for warning in warnings:
        console.print(Text.assemble(("warning ", "yellow"), warning))


def _summary(report: TraceReport) -> Table:
    table = Table(
        box=box.ROUNDED,
        title=f"where a step goes on {report.on}{_rank(report)}",
        title_style="bold",
        title_justify="left",
        caption=report.file,
        caption_justify="left",
        show_header=False,
        padding=(0, 1),
    )
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    for section in (_step_rows, _cause_rows, _trust_rows):
        for row in section(report):
            table.add_row(*row)
        table.add_section()
    return table


def _rank(report: TraceReport) -> str:
    if report.rank is None or (report.world_size or 1) < 2:
        return ""
    backend = f" ({report.backend})" if report.backend else ""
    return f", rank {report.rank} of {report.world_size}{backend}"


def _step_rows(report: TraceReport) -> Iterator[tuple[str, str]]:
    steps = report.steps
    if not steps.step_ns:
        return
    yield "step", _spread(steps)
    whole = sum(steps.step_ns)
    parts = {
        "compute": steps.compute_ns,
        "exposed communication": steps.exposed_communication_ns,
        "exposed copy": steps.exposed_copy_ns,
        "idle": steps.idle_ns,
    }
    for name, part in parts.items():
        share = sum(part) / whole
        each = ms(sum(part) / len(part))
        yield name, f"{each:>8} ms {100 * share:5.1f} %  {bar(share)}"


def _spread(steps: Steps) -> str:
    """The median step, and how far steps lie apart."""
    step = np.array(steps.step_ns)
    low, median, high = np.percentile(step, [25, 50, 75])
    if len(step) == 1:
        return f"{ms(median):>8} ms"
    return f"{ms(median):>8} ms median of {len(step)}, middle half {ms(low)} to {ms(high)}"


def _cause_rows(report: TraceReport) -> Iterator[tuple[str, str]]:
    for number, row in enumerate(report.idle):
        name = "" if number else "idle by cause"
        yield name, f"{_each(report, row.total_ns):>8} ms {_percent(row.share)}  {row.cause}"
    sums = report.sums
    busy, work = _each(report, sums.busy_ns), _each(report, sums.work_ns)
    what = "kernels" if report.device is not None else "operators"
    yield "added up", f"{work:>8} ms of {what}, copies and fills; busy {busy} ms"
    if sums.communication_ns:
        exposed = _each(report, sum(report.steps.exposed_communication_ns))
        line = f"{_each(report, sums.communication_ns):>8} ms added up; it ran for "
        yield (
            "communication",
            f"{line}{_each(report, sums.communication_busy_ns)} ms, exposed {exposed} ms",
        )
    if report.layout.total_ns:
        tax = report.layout
        yield (
            "layout tax",
            (
                f"{_each(report, tax.total_ns):>8} ms {_percent(tax.share_of_step)} of the step, "
                f"{100 * tax.share_of_compute:.1f} % of the kernels' time"
            ),
        )
    if report.tensor_cores and report.tensor_cores.eligible_ns:
        yield "tensor cores", _tensor_cores(report)


def _tensor_cores(report: TraceReport) -> str:
    cores = report.tensor_cores
    assert cores
    parts = {
        "use them": cores.used_ns,
        "do not": cores.not_used_ns,
        "unknown": cores.unknown_ns,
    }
    told = [f"{100 * ns / cores.eligible_ns:.1f} % {name}" for name, ns in parts.items() if ns]
    return (
        f"{_each(report, cores.eligible_ns):>8} ms of convolutions and matrix products: "
        f"{', '.join(told)}"
    )


def _trust_rows(report: TraceReport) -> Iterator[tuple[str, str]]:
    trust = report.trust
    if trust.steps_marked:
        lag = trust.lag_steps or 0.0
        told = f"; the device trails the host by {lag:.1f} steps" if lag >= 0.1 else ""
        yield "steps", f"{trust.steps_used} of {trust.steps_marked} used{told}"
    for why in trust.excluded:
        yield "", f"left out: {why}"
    if report.device is not None:
        yield (
            "linked",
            (
                f"{100 * trust.linked_launch:.1f} % of device time to its launch, "
                f"{100 * trust.linked_operator:.1f} % to an operator, "
                f"{100 * trust.linked_step:.1f} % to a step"
            ),
        )
        if trust.by_time:
            yield "", f"{trust.by_time:,} rows without a launch: counted where they ran"
    if trust.linked_layer:
        yield "layers", f"{100 * trust.linked_layer:.1f} % of the steps' work"
    if trust.dropped:
        lost = ", ".join(f"{name} = {count:,}" for name, count in trust.dropped.items())
        yield "dropped", f"by the profiler itself: {lost}"
    yield "read", f"{report.events:,} events, {report.size / 2**20:,.1f} MiB"


def print_ranks(console: Console, found: RanksReport) -> None:
    """All ranks, a row each, and what their collectives say of one another."""
    table = _table(f"{len(found.ranks)} ranks, ms in a step")
    for name in ("rank", "step", "compute", "exposed communication", "exposed copy", "idle"):
        table.add_column(name, justify="right")
    table.add_column("on", no_wrap=True)
    for report in found.ranks:
        steps = report.steps
        parts = (
            steps.step_ns,
            steps.compute_ns,
            steps.exposed_communication_ns,
            steps.exposed_copy_ns,
            steps.idle_ns,
        )
        rank = "?" if report.rank is None else str(report.rank)
        table.add_row(rank, *(_each(report, sum(part)) for part in parts), report.on)
    console.print(table)
    if found.collectives:
        console.print(_collectives(found))
    print_warnings(console, found.warnings)
    if found.collectives or found.warnings:
        console.print()


def _collectives(found: RanksReport) -> Table:
    table = _table("collectives over all ranks: transfer at most, waiting by rank")
    for name in ("count", "transfer ms", "waiting ms: least", "most", "last to arrive"):
        table.add_column(name, justify="right")
    table.add_column("name", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in found.collectives:
        often = max(range(len(found.ranks)), key=lambda at: row.last_to_arrive[at])
        last = f"rank {found.ranks[often].rank}: {row.last_to_arrive[often]} of {row.count}"
        table.add_row(
            f"{row.count:,}",
            ms(row.transfer_ns),
            ms(min(row.waiting_ns)),
            ms(max(row.waiting_ns)),
            last,
            short(row.name),
        )
    return table


def _classes(report: TraceReport) -> Table:
    table = _table(f"by class, ms in a step ({_count(report)})")
    for name in ("ms", "share", "forward", "backward", "optimizer", "other", "count"):
        table.add_column(name, justify="right")
    table.add_column("class", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in report.classes:
        table.add_row(*_class_cells(report, row), style=_COLOURS.get(row.cls))
    return table


def _class_cells(report: TraceReport, row: ClassRow) -> tuple[str, ...]:
    passes = (row.forward_ns, row.backward_ns, row.optimizer_ns, row.other_ns)
    return (
        _each(report, row.total_ns),
        _percent(row.share),
        *(_each(report, ns) if ns else "" for ns in passes),
        _count_each(report, row.count),
        row.cls,
        bar(row.share, 12),
    )


def _kernels(report: TraceReport, top: int, width: int) -> Table:
    what = "kernel" if report.device is not None else "operator, by its own time"
    heads = ["ms", "share", "count", "us: median", "p95", "min", "max"]
    if report.tensor_cores:
        heads.append("tensor")
    rows = [(_kernel_cells(report, row), row.cls) for row in report.kernels[:top]]
    title = f"by {what}, ms in a step{_cut(report.kernels, top)}"
    return _fitted(title, heads, ("class", "name"), rows, width)


def _kernel_cells(report: TraceReport, row: KernelRow) -> tuple[str, ...]:
    times = (row.median_ns, row.p95_ns, row.min_ns, row.max_ns)
    return (
        _each(report, row.total_ns),
        _percent(row.share),
        _count_each(report, row.count),
        *(us(ns) for ns in times),
        *((row.tensor_core,) if report.tensor_cores else ()),
        row.cls,
        short(row.name),
    )


def _convs(report: TraceReport, top: int, width: int) -> Table:
    heads = ["ms", "share", "calls", "us: median", "TFLOP/s"]
    if any(row.layout_ns for row in report.convs):
        heads.append("+ layout")
    rows = [(_conv_cells(report, row), "") for row in report.convs[:top]]
    title = f"convolutions by shape and direction, ms in a step{_cut(report.convs, top)}"
    return _fitted(title, heads, ("direction", "shape", "type, format", "kernel"), rows, width)


def _conv_cells(report: TraceReport, row: ConvRow) -> tuple[str, ...]:
    both = row.input_format
    if row.weight_format not in (row.input_format, "either"):
        both = f"{row.input_format}, weights {row.weight_format}"
    layout = (_each(report, row.layout_ns) if row.layout_ns else "",)
    return (
        _each(report, row.total_ns),
        _percent(row.share),
        _count_each(report, row.calls),
        us(row.median_ns),
        _tflops(row.tflops),
        *(layout if any(one.layout_ns for one in report.convs) else ()),
        row.direction,
        row.shape,
        f"{row.dtype} {both}",
        short(row.kernel),
    )


def _tflops(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _layout(report: TraceReport, top: int) -> Table:
    table = _table(f"who pays for layout transforms{_cut(report.layout.rows, top)}")
    for name in ("ms", "share", "count"):
        table.add_column(name, justify="right")
    table.add_column("layer, convolution or operator", no_wrap=True)
    for row in report.layout.rows[:top]:
        table.add_row(*_layout_cells(report, row))
    return table


def _layout_cells(report: TraceReport, row: LayoutRow) -> tuple[str, ...]:
    return (
        _each(report, row.total_ns),
        _percent(row.share),
        _count_each(report, row.count),
        short(row.payer),
    )


def _fitted(
    title: str,
    numbers: Sequence[str],
    words: Sequence[str],
    rows: Sequence[tuple[tuple[str, ...], str]],
    width: int,
) -> Table:
    """A table whose last column takes what is left of the line; `rows` are cells and class."""
    table = _table(title)
    heads = [*numbers, *words]
    for at, name in enumerate(heads):
        table.add_column(name, justify="right" if at < len(numbers) else "left", no_wrap=True)
    others = range(len(heads) - 1)
    taken = sum(max(len(heads[at]), *(len(cells[at]) for cells, _ in rows)) + 2 for at in others)
    left = max(24, width - taken - 2)
    for cells, cls in rows:
        name = cells[-1] if len(cells[-1]) <= left else cells[-1][: left - 1] + "…"
        table.add_row(*(Text(cell) for cell in (*cells[:-1], name)), style=_COLOURS.get(cls))
    return table


def _table(title: str) -> Table:
    return Table(
        box=box.SIMPLE_HEAD,
        title=title,
        title_style="bold",
        title_justify="left",
        header_style="cyan",
        padding=(0, 1, 0, 0),
    )


def _cut(rows: Sequence[object], top: int) -> str:
    return f", the first {top} of {len(rows)}" if len(rows) > top else ""


def _count(report: TraceReport) -> str:
    steps = len(report.steps.step_ns)
    return f"mean of {steps} steps" if steps > 1 else "one step"


def _each(report: TraceReport, ns: int) -> str:
    return ms(ns / max(1, len(report.steps.step_ns)))


def _count_each(report: TraceReport, count: int) -> str:
    each = count / max(1, len(report.steps.step_ns))
    return f"{each:,.0f}" if each == round(each) else f"{each:,.1f}"


def _percent(share: float) -> str:
    return f"{100 * share:5.1f} %"


def ms(ns: float) -> str:
    """Milliseconds from ns, with as many places as mean something."""
    value = ns / 1e6
    if 0 < value < 0.0005:
        return "<0.001"
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3}f}"


def us(ns: float) -> str:
    """Microseconds, likewise."""
    value = ns / 1e3
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
