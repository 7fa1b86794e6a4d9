"""Tables of a kernel-time report: classes, kernels, convolutions, layout transforms, ranks."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from resnext_bench.reports.render.kernel_names import distinct
from resnext_bench.reports.render.model import Column, Note, Table, Tone, bar
from resnext_bench.reports.render.trace.rates import rate
from resnext_bench.reports.render.trace.words import (
    count_each,
    each,
    ms,
    of_steps,
    per,
    percent,
    us,
)
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


_NOTHING: Final = 0.0005
"""Share of the steps' time that is shown as 0.0 %."""
_LITTLE: Final = 0.01
"""Share of all work below which such a class has no row of its own."""
ALIKE: Final = "#1, #2: different kernels whose short names are alike; in full: --json"


def classes(report: TraceReport) -> Table:
    """Return a row for each class, by pass; those that take next to nothing share the last one."""
    heads = ("ms", "share", "forward", "backward", "optimizer", "other", "count")
    title = f"by class{_where(report)}, ms {per(report)}{of_steps(report)}"
    rows = [(_class_cells(report, row), row.cls) for row in _worth_a_row(report)]
    spare, notes = ("", "count", "other"), tuple(_of_classes(report))
    return _fitted(title, heads, ("", "class"), rows, spare=spare, notes=notes)


def _worth_a_row(report: TraceReport) -> list[ClassRow]:
    """Return the rows, those of next to nothing added up to one where there are several."""
    little = _LITTLE * report.sums.work_ns
    small = [row for row in report.classes if row.share < _NOTHING and row.total_ns < little]
    if len(small) < 2:
        return report.classes
    times = ("count", "total_ns", "share", "forward_ns", "backward_ns", "optimizer_ns", "other_ns")
    sums = {name: sum(getattr(row, name) for row in small) for name in times}
    rest = msgspec.structs.replace(small[0], cls=f"{len(small)} more classes", **sums)
    return [*(row for row in report.classes if row not in small), rest]


def _of_classes(report: TraceReport) -> Iterator[Note]:
    """Yield explanations of the table of classes."""
    forward, other = (
        sum(getattr(row, name) for row in report.classes) for name in ("forward_ns", "other_ns")
    )
    told = "in none of these passes, such as data and copies to the device"
    if not forward:
        told = "outside backward and optimizer; this trace does not mark a forward pass"
    if other:
        yield Note(text=f"other: {told}", columns=("other",))
    if any(row.cls == "conv backward" for row in report.classes):
        what = "undetermined, of the input or the weight: neither names nor launches tell"
        told = what if report.device is not None else "both gradients at once"
        yield Note(text=f"conv backward: {told}")


def _where(report: TraceReport) -> str:
    return " on the host" if report.alone and report.device is None else ""


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
    what = "kernel"
    if report.device is None:
        what = f"operator{_where(report)}, by its own time"
    heads = ["ms", "share", "count", "us: median", "p95", "min", "max"]
    if report.tensor_cores:
        heads.append("tensor")
    shown = report.kernels[:top]
    names = distinct([row.name for row in shown])
    rows = [
        (_kernel_cells(report, row, name), row.cls) for row, name in zip(shown, names, strict=True)
    ]
    title = f"by {what}, ms {per(report)}{_cut(report.kernels, top)}"
    return _fitted(
        title,
        heads,
        ("class", "name"),
        rows,
        spare=("min", "p95", "max", "tensor") if report.tensor_cores else ("min", "p95", "max"),
    )


def _kernel_cells(report: TraceReport, row: KernelRow, name: str) -> tuple[str, ...]:
    times = (row.median_ns, row.p95_ns, row.min_ns, row.max_ns)
    return (
        each(report, row.total_ns),
        percent(row.share),
        count_each(report, row.count),
        *(us(ns) for ns in times),
        *((row.tensor_core,) if report.tensor_cores else ()),
        row.cls,
        name,
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
    shown = report.convs[:top]
    kernels = distinct([row.kernel for row in shown])
    rows = [
        (_conv_cells(report, row, kernel), "") for row, kernel in zip(shown, kernels, strict=True)
    ]
    title = f"convolutions by shape and direction, ms {per(report)}{_cut(report.convs, top)}"
    return _fitted(title, heads, words, rows, spare=spare)


def _conv_cells(report: TraceReport, row: ConvRow, kernel: str) -> tuple[str, ...]:
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
        *((kernel,) if report.device is not None else ()),
    )


def layout(report: TraceReport, top: int) -> Table:
    """Return a row for each payer of layout transforms."""
    title = f"who pays for layout transforms{_cut(report.layout.rows, top)}"
    shown = report.layout.rows[:top]
    payers = distinct([row.payer for row in shown])
    rows = [
        (_layout_cells(report, row, payer), "") for row, payer in zip(shown, payers, strict=True)
    ]
    heads = ("ms", "share", "count")
    return _fitted(title, heads, ("layer, convolution or operator",), rows)


def _layout_cells(report: TraceReport, row: LayoutRow, payer: str) -> tuple[str, ...]:
    return (
        each(report, row.total_ns),
        percent(row.share),
        count_each(report, row.count),
        payer,
    )


def ranks(found: RanksReport) -> Table:
    """Return a row for each rank."""
    known = all(report.rank is not None for report in found.ranks)
    many = f"{len(found.ranks)} {'ranks' if known else 'traces'}"
    title = f"{many}, ms {per(found.ranks[0])}{_absent(found)}"
    heads = ("rank", "step", "compute", "idle", "exposed comm.", "exposed copy")
    rows = [(_rank_cells(report), "") for report in found.ranks]
    return _fitted(title, heads, ("on",), rows, spare=())


def _absent(found: RanksReport) -> str:
    """Return how many ranks are not there, of how many."""
    world = max((report.world_size or 0 for report in found.ranks), default=0)
    return f" ({len(found.missing)} of {world} are missing)" if found.missing else ""


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
    if report.alone and report.alone.is_certain:
        return rank, *("" for _ in parts), report.on
    return rank, *(each(report, sum(part)) for part in parts), report.on


def collectives(found: RanksReport) -> Table:
    """Return what the collectives of all ranks say about each other."""
    title = f"collectives of {_over(found)}, ms in total: transfer at most, waiting of a rank"
    heads = ("count", "transfer", "waits: least", "most")
    names = distinct([row.name for row in found.collectives])
    rows = [
        (_collective_cells(found, row, name), "")
        for row, name in zip(found.collectives, names, strict=True)
    ]
    return _fitted(title, heads, ("last to arrive", "name"), rows, spare=("count",))


def _over(found: RanksReport) -> str:
    """Return whose collectives were compared: what a missing rank did is not in the figures."""
    here, world = len(found.ranks), max((one.world_size or 0 for one in found.ranks), default=0)
    if world > here:
        return f"the {here} of {world} ranks that are here"
    return f"all {here} ranks" if world == here else f"the {here} ranks that are here"


def _collective_cells(found: RanksReport, row: CollectiveRow, name: str) -> tuple[str, ...]:
    often = max(range(len(found.ranks)), key=lambda at: row.last_to_arrive[at])
    return (
        f"{row.count:,}",
        ms(row.transfer_ns),
        ms(min(row.waiting_ns)),
        ms(max(row.waiting_ns)),
        f"rank {found.ranks[often].rank}: {row.last_to_arrive[often]} of {row.count}",
        name,
    )


def _fitted(
    title: str,
    numbers: Sequence[str],
    words: Sequence[str],
    rows: Sequence[tuple[tuple[str, ...], str]],
    *,
    spare: Sequence[str] = (),
    notes: tuple[Note, ...] = (),
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
        notes=notes,
        alike=ALIKE,
    )


def _cut(rows: Sequence[object], top: int) -> str:
    return f", the first {top} of {len(rows)}" if len(rows) > top else ""
