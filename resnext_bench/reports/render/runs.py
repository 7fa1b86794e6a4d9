"""Renders many runs: their list, two side by side, answers to queries, what would be removed."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from resnext_bench.reports.render import words
from resnext_bench.reports.render.model import Column, Line, Section, Table, Tone
from resnext_bench.reports.render.run import SIDE_BY_SIDE
from resnext_bench.reports.schema.comparison import Diff, Difference
from resnext_bench.reports.schema.kinds import Stored, kind_of
from resnext_bench.reports.store.runs import Unfinished

_TONES: Final[dict[str, Tone]] = {
    "ok": "good",
    "failed": "bad",
    "interrupted": "warning",
    "unfinished": "warning",
    "invalid": "bad",
}
_COLUMNS = ("run", "status", "dtype", "images/s", "per device", "ms/step", "data wait")
"""Columns, the most important first: the last ones are dropped where they do not fit."""
_GPU_FIGURES = {"GPU MHz": "sm_mhz", "GPU W": "power_w", "GPU °C": "temperature_c"}
"""Figures that may explain the others: clocks depend on power and heat."""


def runs_sections(runs: Sequence[Stored | Unfinished]) -> Iterator[Section]:
    """Return a line for each run, with as many figures as fit; then the user's notes."""
    yield Table(
        columns=tuple(_column(index, name) for index, name in enumerate(_COLUMNS)),
        groups=(tuple(_row(run) for run in runs),),
        tones={(1, word): tone for word, tone in _TONES.items()},
    )
    for run in runs:
        if isinstance(run, Unfinished):
            yield Line(label=f"{run.id}:", text=run.why)
            continue
        remarks = [*(f"#{tag}" for tag in run.tags), *([run.note] if run.note else [])]
        if remarks:
            yield Line(label=f"{run.id}:", label_tone="name", text=" ".join(remarks))


def _column(index: int, name: str) -> Column:
    is_number = index >= _COLUMNS.index("images/s")
    return Column(name=name, is_number=is_number, goes=len(_COLUMNS) - index if index > 1 else 0)


def _row(run: Stored | Unfinished) -> tuple[str, ...]:
    if isinstance(run, Unfinished):
        return (run.id, "unfinished", *[""] * (len(_COLUMNS) - 2))
    told = kind_of(run).listing(run)
    rates = (told.images_per_s, told.images_per_s_per_device, told.step_ms)
    wait = told.data_wait_percent
    return (
        *(run.id, told.word, told.what),
        *("" if rate is None else f"{rate:,.1f}" for rate in rates),
        "" if wait is None else f"{wait:.1f} %",
    )


def diff_sections(found: Diff, output: str = "") -> Iterator[Section]:
    """Return what differs, and the figures of both without a verdict.

    `output` is the option, after a blank, with which the runs are found.
    """
    for doubt in found.invalid:
        yield Line(text=doubt, tone="bad", is_headline=True)
    columns = (
        Column(name="", tone="name"),
        Column(name=f"a  {found.a}", may_fold=True),
        Column(name=f"b  {found.b}", may_fold=True),
    )
    parts = (found.configuration, found.environment)
    groups = (*(tuple(map(_difference, part)) for part in parts), tuple(_figure_rows(found)))
    yield Table(columns=columns, groups=tuple(filter(None, groups)), is_boxed=True)
    if not found.configuration:
        yield Line(text="The configurations are identical.")
    if not found.environment:
        yield Line(text="Machine, software and commit are identical.")
    yield from _advice(found, output)


def _difference(one: Difference) -> tuple[str, str, str]:
    if one.what == "commit":
        return one.what, one.a[:12], one.b[:12]
    return one.what, one.a, one.b


def _figure_rows(found: Diff) -> Iterator[tuple[str, str, str]]:
    a, b = found.figures_a, found.figures_b
    if a is None and b is None:
        return
    gpus = found.gpus_a, found.gpus_b
    sides = [((a, b), SIDE_BY_SIDE), (gpus, _GPU_FIGURES)]
    rows = [(name, field, both) for both, fields in sides for name, field in fields.items()]
    for name, field, both in rows:
        one, two = (getattr(side, field) if side else None for side in both)
        if one is None and two is None:
            continue
        change = f"   {100 * (two / one - 1):+.1f} %" if one and two is not None else ""
        yield name, _figure(one), _figure(two) + change


def _figure(value: float | None) -> str:
    return "none" if value is None else words.ms(value)


def _advice(found: Diff, output: str) -> Iterator[Line]:
    if found.comparison:
        yield Line(
            text="The runs took turns as the sides of one comparison; it says what that shows:",
            tone="dim",
        )
        command = f"  resnext-bench runs show {found.comparison}{output}"
        yield Line(text=command, tone="dim", is_command=True)
        return
    if None in (found.figures_a, found.figures_b):
        yield Line(text="One of the runs has no figures to compare.", tone="dim")
        return
    how = "to judge their sessions, use:"
    command = f"  resnext-bench compare --a-runs {found.a} --b-runs {found.b}{output}"
    if min(found.sessions) < 2:
        how = (
            "a single session per side does not show how much sessions vary; measure both in turn:"
        )
        command = '  resnext-bench compare --a "…" --b "…"'
    yield Line(
        text=(f"The runs were measured at different times, so this is not a verdict; {how}"),
        tone="dim",
    )
    yield Line(text=command, tone="dim", is_command=True)


def print_answer(
    console: Console, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """Print the answer to a query as a table or, where that is too wide, a block for each row."""
    if not rows:
        console.print("no rows", style="dim")
        return
    table = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
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


def _block(columns: Sequence[str], row: Sequence[object]) -> RichTable:
    """Print a line for each column of one row."""
    block = RichTable(box=box.SIMPLE_HEAD, show_header=False, show_edge=False, pad_edge=False)
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
