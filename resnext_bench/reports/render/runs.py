"""Many runs on the terminal: their list, two side by side, answers to questions, what would go."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich import box
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from resnext_bench.reports.diff import Diff
from resnext_bench.reports.render import words
from resnext_bench.reports.runs import Unfinished
from resnext_bench.reports.schema.comparison import Comparison, Difference
from resnext_bench.reports.schema.upgrade import Stored

_STATUS_STYLE = {"ok": "green", "failed": "red", "interrupted": "yellow", "invalid": "red"}
_COLUMNS = ("run", "status", "dtype", "images/s", "per device", "ms/step", "data wait")
"""Most important first: the last ones go where they do not fit."""
_FIGURES = {
    "images/s": "images_per_s",
    "ms/step": "step_ms_mean",
    "middle step ms": "step_ms_p50",
    "data wait ms": "data_wait_ms",
    "forward ms": "forward_ms",
    "backward ms": "backward_ms",
    "optimizer ms": "optimizer_ms",
    "peak GiB": "peak_gib",
    "J/image": "joules_per_image",
}
_GPU_FIGURES = {"GPU MHz": "sm_mhz", "GPU W": "power_w", "GPU °C": "temperature_c"}
"""What may explain the others: clocks follow power and heat."""


def print_runs(console: Console, runs: Sequence[Stored | Unfinished]) -> None:
    """Show a line for each run, with as many figures as the width allows; then what was written."""
    console.print(_fitting(console, runs))
    for run in runs:
        if isinstance(run, Unfinished):
            console.print(Text.assemble((f"{run.id}: ", "yellow"), run.why))
            continue
        remarks = [*(f"#{tag}" for tag in run.tags), *([run.note] if run.note else [])]
        if remarks:
            console.print(Text.assemble((f"{run.id}: ", "cyan"), " ".join(remarks)))


def _fitting(console: Console, runs: Sequence[Stored | Unfinished]) -> Table:
    """The widest table that fits: first its gaps shrink, then its last columns go."""
    unbounded = console.options.update(max_width=10_000)
    table = _runs_table(runs, len(_COLUMNS), gap=1)
    for columns in range(len(_COLUMNS), 1, -1):
        if Measurement.get(console, unbounded, table).maximum <= console.width:
            break
        table = _runs_table(runs, columns, gap=0)
    return table


def _runs_table(runs: Sequence[Stored | Unfinished], columns: int, *, gap: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, gap, 0, 0), pad_edge=False)
    for index, name in enumerate(_COLUMNS[:columns]):
        right = index >= _COLUMNS.index("images/s")
        table.add_column(name, justify="right" if right else "left", no_wrap=index > 0)
    for run in runs:
        table.add_row(*_row(run)[:columns])
    return table


def _row(run: Stored | Unfinished) -> tuple[RenderableType, ...]:
    if isinstance(run, Unfinished):
        return run.id, Text("unfinished", style="yellow")
    if isinstance(run, Comparison):
        return run.id, Text(run.verdict or run.status, style="cyan"), "compare"
    config, figures = run.resolved, run.figures
    fp32 = "tf32" if config.tf32 else "fp32"
    known = (
        run.id,
        Text(run.status, style=_STATUS_STYLE[run.status]),
        fp32 if config.amp_dtype == "none" else config.amp_dtype,
    )
    if figures is None:
        return known
    return (
        *known,
        f"{figures.images_per_s:,.1f}",
        f"{figures.images_per_s_per_device:,.1f}",
        f"{figures.step_ms_mean:,.1f}",
        f"{100 * figures.data_wait_ms / figures.parts_ms:.1f} %",
    )


def print_diff(console: Console, found: Diff, output: str = "") -> None:
    """Show what differs, and the figures of both without a verdict."""
    table = Table(box=box.ROUNDED, show_edge=True, padding=(0, 1), header_style="bold")
    table.add_column("", style="cyan", no_wrap=True)
    table.add_column(f"a  {found.a}", overflow="fold")
    table.add_column(f"b  {found.b}", overflow="fold")
    for doubt in found.invalid:
        console.print(Text(doubt, style="bold red"))
    for part in (found.configuration, found.environment):
        for one in part:
            table.add_row(*_difference(one))
        table.add_section()
    for row in _figure_rows(found):
        table.add_row(*row)
    console.print(table)
    if not found.configuration:
        console.print("The configurations are the same.")
    if not found.environment:
        console.print("Machine, software and commit are the same.")
    console.print(_advice(found, output), soft_wrap=True)


def _difference(one: Difference) -> tuple[str, str, str]:
    if one.what == "commit":
        return one.what, one.a[:12], one.b[:12]
    return one.what, one.a, one.b


def _figure_rows(found: Diff) -> Iterator[tuple[str, str, str]]:
    a, b = found.figures_a, found.figures_b
    if a is None and b is None:
        return
    gpus = found.gpus_a, found.gpus_b
    sides = [((a, b), _FIGURES), (gpus, _GPU_FIGURES)]
    rows = [(name, field, both) for both, fields in sides for name, field in fields.items()]
    for name, field, both in rows:
        one, two = (getattr(side, field) if side else None for side in both)
        if one is None and two is None:
            continue
        change = f"   {100 * (two / one - 1):+.1f} %" if one and two is not None else ""
        yield name, _figure(one), _figure(two) + change


def _figure(value: float | None) -> str:
    return "none" if value is None else words.ms(value)


def _advice(found: Diff, output: str) -> Text:
    """`output` is the option, after a blank, with which the runs are found."""
    if None in (found.figures_a, found.figures_b):
        return Text("A run without figures has nothing to compare.", style="dim")
    few = min(found.sessions) < 2
    how = (
        "one session a side says nothing about how much they vary; take both in turn:\n"
        '  resnext-bench compare --a "…" --b "…"'
        if few
        else "what their sessions can tell:\n"
        f"  resnext-bench compare --a-runs {found.a} --b-runs {found.b}{output}"
    )
    return Text(f"Measured apart, so this is no verdict; {how}", style="dim")


def print_answer(
    console: Console, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """Show what a question brought: as a table, or where that is too wide, a block for each row."""
    if not rows:
        console.print("no rows", style="dim")
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for index, name in enumerate(columns):
        numbers = any(isinstance(row[index], int | float) for row in rows)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_value(value) for value in row))
    unbounded = console.options.update(max_width=10_000)
    if Measurement.get(console, unbounded, table).maximum <= console.width:
        console.print(table)
        return
    for index, row in enumerate(rows):
        console.print(*([""] if index else []), _block(columns, row), sep="\n")


def _block(columns: Sequence[str], row: Sequence[object]) -> Table:
    """A line for each column of one row."""
    block = Table(box=box.SIMPLE_HEAD, show_header=False, show_edge=False, pad_edge=False)
    block.add_column(style="cyan", no_wrap=True)
    block.add_column(overflow="fold")
    for name, value in zip(columns, row, strict=True):
        block.add_row(name, _value(value))
    return block


def _value(value: object) -> Text:
    if value is None:
        return Text("NULL", style="dim")
    if isinstance(value, float):
        return Text(f"{value:.6g}")
    if isinstance(value, datetime):
        return Text(value.isoformat(sep=" ", timespec="seconds"))
    if isinstance(value, list):
        return Text(", ".join(str(one) for one in value))
    return Text(str(value))
