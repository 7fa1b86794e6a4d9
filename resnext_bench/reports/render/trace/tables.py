"""Tables of a kernel-time report: classes, kernels, convolutions, layout transforms, ranks."""

from collections.abc import Sequence
from typing import Final

from resnext_bench.reports.render.bars import bar
from resnext_bench.reports.render.kernel_names import short
from resnext_bench.reports.render.model import Column, Table, Tone
from resnext_bench.reports.render.trace.rates import rate
from resnext_bench.reports.render.trace.words import count_each, each, ms, percent, us
from resnext_bench.reports.schema.trace import (
    ClassRow,
    CollectiveRow,
    ConvRow,
    KernelRow,
    LayoutRow,
    RanksReport,
    TraceReport,
)

_TONES: Final[dict[str, Tone]] = {
    "layout transform": "aside",
    "communication": "apart",
    "other": "dim",
}


def classes(report: TraceReport) -> Table:
    """Return a row for each class, by pass."""
    heads = ("ms", "share", "forward", "backward", "optimizer", "other", "count")
    title = f"by class, ms per step ({_count(report)})"
    rows = [(_class_cells(report, row), row.cls) for row in report.classes]
    return _fitted(title, heads, ("", "class"), rows, spare=("", "count", "other"))


def _class_cells(report: TraceReport, row: ClassRow) -> tuple[str, ...]:
    passes = (row.forward_ns, row.backward_ns, row.optimizer_ns, row.other_ns)
    return (
        each(report, row.total_ns),
        percent(row.share),
        *(each(report, ns) if ns else "" for ns in passes),
        count_each(report, row.count),
        bar(row.share, 12),
        row.cls,
    )


def kernels(report: TraceReport, top: int) -> Table:
    """Return a row for each kernel; on a CPU for each operator by its own time."""
    what = "kernel" if report.device is not None else "operator, by its own time"
    heads = ["ms", "share", "count", "us: median", "p95", "min", "max"]
    if report.tensor_cores:
        heads.append("tensor")
    rows = [(_kernel_cells(report, row), row.cls) for row in report.kernels[:top]]
    title = f"by {what}, ms per step{_cut(report.kernels, top)}"
    return _fitted(
        title,
        heads,
        ("class", "name"),
        rows,
        spare=("min", "p95", "max", "tensor") if report.tensor_cores else ("min", "p95", "max"),
    )


def _kernel_cells(report: TraceReport, row: KernelRow) -> tuple[str, ...]:
    times = (row.median_ns, row.p95_ns, row.min_ns, row.max_ns)
    return (
        each(report, row.total_ns),
        percent(row.share),
        count_each(report, row.count),
        *(us(ns) for ns in times),
        *((row.tensor_core,) if report.tensor_cores else ()),
        row.cls,
        short(row.name),
    )


def convs(report: TraceReport, top: int) -> Table:
    """Return a row for each shape and direction; on a CPU without the kernel."""
    heads = ["ms", "share", "calls", "us: median", "TFLOP/s"]
    words = ["direction", "type, format", "shape"]
    spare = ["us: median", "calls", "share"]
    if any(row.layout_ns for row in report.convs):
        heads.append("+ layout")
        spare.append("+ layout")
    if report.device is not None:
        words.append("kernel")
        spare.insert(2, "kernel")
    rows = [(_conv_cells(report, row), "") for row in report.convs[:top]]
    title = f"convolutions by shape and direction, ms per step{_cut(report.convs, top)}"
    return _fitted(title, heads, words, rows, spare=spare)


def _conv_cells(report: TraceReport, row: ConvRow) -> tuple[str, ...]:
    both = row.input_format
    if row.weight_format not in (row.input_format, "either"):
        both = f"{row.input_format}, weights {row.weight_format}"
    layout = (each(report, row.layout_ns) if row.layout_ns else "",)
    return (
        each(report, row.total_ns),
        percent(row.share),
        count_each(report, row.calls),
        us(row.median_ns),
        rate(row),
        *(layout if any(one.layout_ns for one in report.convs) else ()),
        row.direction,
        f"{row.dtype} {both}",
        row.shape,
        *((short(row.kernel),) if report.device is not None else ()),
    )


def layout(report: TraceReport, top: int) -> Table:
    """Return a row for each payer of layout transforms."""
    title = f"who pays for layout transforms{_cut(report.layout.rows, top)}"
    rows = [(_layout_cells(report, row), "") for row in report.layout.rows[:top]]
    heads = ("ms", "share", "count")
    return _fitted(title, heads, ("layer, convolution or operator",), rows)


def _layout_cells(report: TraceReport, row: LayoutRow) -> tuple[str, ...]:
    return (
        each(report, row.total_ns),
        percent(row.share),
        count_each(report, row.count),
        short(row.payer),
    )


def ranks(found: RanksReport) -> Table:
    """Return a row for each rank."""
    title = f"{len(found.ranks)} ranks, ms per step"
    heads = ("rank", "step", "compute", "idle", "exposed: communication", "copy")
    rows = [(_rank_cells(report), "") for report in found.ranks]
    return _fitted(title, heads, ("on",), rows, spare=())


def _rank_cells(report: TraceReport) -> tuple[str, ...]:
    steps = report.steps
    parts = (
        steps.step_ns,
        steps.compute_ns,
        steps.idle_ns,
        steps.exposed_communication_ns,
        steps.exposed_copy_ns,
    )
    rank = "?" if report.rank is None else str(report.rank)
    return rank, *(each(report, sum(part)) for part in parts), report.on


def collectives(found: RanksReport) -> Table:
    """Return what the collectives of all ranks say about each other."""
    title = "collectives over all ranks, ms in total: the longest transfer; the waiting of a rank"
    heads = ("count", "transfer", "waits: least", "most")
    rows = [(_collective_cells(found, row), "") for row in found.collectives]
    return _fitted(title, heads, ("last to arrive", "name"), rows, spare=("count",))


def _collective_cells(found: RanksReport, row: CollectiveRow) -> tuple[str, ...]:
    often = max(range(len(found.ranks)), key=lambda at: row.last_to_arrive[at])
    return (
        f"{row.count:,}",
        ms(row.transfer_ns),
        ms(min(row.waiting_ns)),
        ms(max(row.waiting_ns)),
        f"rank {found.ranks[often].rank}: {row.last_to_arrive[often]} of {row.count}",
        short(row.name),
    )


def _fitted(
    title: str,
    numbers: Sequence[str],
    words: Sequence[str],
    rows: Sequence[tuple[tuple[str, ...], str]],
    *,
    spare: Sequence[str] = (),
) -> Table:
    """Return a table whose last column takes the rest of the line; `rows` are cells and class.

    Columns named in `spare` are dropped, in order, where that would be too little.
    """
    heads = [*numbers, *words]
    return Table(
        columns=tuple(
            Column(
                name=name,
                is_number=at < len(numbers),
                goes=spare.index(name) + 1 if name in spare else 0,
                is_name=at == len(heads) - 1,
            )
            for at, name in enumerate(heads)
        ),
        groups=(tuple(cells for cells, _ in rows),),
        title=title,
        row_tones=tuple(_TONES.get(cls, "plain") for _, cls in rows),
    )


def _cut(rows: Sequence[object], top: int) -> str:
    return f", the first {top} of {len(rows)}" if len(rows) > top else ""


def _count(report: TraceReport) -> str:
    steps = len(report.steps.step_ns)
    return f"mean of {steps} steps" if steps > 1 else "one step"
