"""A record on the terminal: figures first, then what they were taken under, then doubts."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from reports.render import words
from reports.runs import Unfinished
from reports.schema.comparison import Comparison
from reports.schema.record import Failure, Figures, Record
from reports.schema.upgrade import Stored

BAR_WIDTH = 24
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_RUN_COLUMNS = ("run", "status", "type", "images/s", "per device", "p50 ms", "data wait")
"""Most important first: the last ones go where they do not fit."""
_STATUS_STYLE = {"ok": "green", "failed": "red", "interrupted": "yellow", "invalid": "red"}


def print_record(console: Console, record: Record) -> None:
    """Show a whole record."""
    console.print(_throughput_table(record) if record.figures else _headline(record))
    for part in _remarks(record):
        console.print(part)


def print_runs(console: Console, runs: Sequence[Stored | Unfinished]) -> None:
    """Show a line for each run, with as many figures as the width allows."""
    console.print(_fitting(console, runs))
    for run in runs:
        if isinstance(run, Unfinished):
            console.print(Text.assemble((f"{run.id}: ", "yellow"), run.why))


def _fitting(console: Console, runs: Sequence[Stored | Unfinished]) -> Table:
    """The widest table that fits: first its gaps shrink, then its last columns go."""
    unbounded = console.options.update(max_width=10_000)
    table = _runs_table(runs, len(_RUN_COLUMNS), gap=1)
    for columns in range(len(_RUN_COLUMNS), 1, -1):
        if Measurement.get(console, unbounded, table).maximum <= console.width:
            break
        table = _runs_table(runs, columns, gap=0)
    return table


def _runs_table(runs: Sequence[Stored | Unfinished], columns: int, *, gap: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, gap, 0, 0), pad_edge=False)
    for index, name in enumerate(_RUN_COLUMNS[:columns]):
        right = index >= _RUN_COLUMNS.index("images/s")
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
        f"{figures.step_ms_p50:,.1f}",
        f"{100 * figures.data_wait_ms / _split_sum(figures):.1f} %",
    )


def _headline(record: Record) -> Text:
    return Text.assemble((record.resolved.model, "bold"), f"  {record.id}")


def _throughput_table(record: Record) -> Table:
    figures = record.figures
    assert figures is not None
    table = Table(
        box=box.ROUNDED,
        title=f"{record.resolved.model} training on {words.device(record)}",
        title_style="bold",
        title_justify="left",
        caption=record.id,
        caption_justify="left",
        show_header=False,
        padding=(0, 1),
    )
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    for name, value in _figure_rows(record, figures):
        table.add_row(name, value)
    table.add_section()
    for name, value in _split_rows(figures):
        table.add_row(name, value)
    table.add_section()
    for name, value in _condition_rows(record):
        table.add_row(name, value)
    return table


def _figure_rows(record: Record, figures: Figures) -> Iterator[tuple[str, RenderableType]]:
    devices, each = record.topology.devices, f"{figures.images_per_s_per_device:,.1f}"
    share = f"   {each} on each of {devices} devices" if devices > 1 else "   on one device"
    yield "images/s", Text.assemble((f"{figures.images_per_s:,.1f}", "bold green"), share)
    if record.interval:
        rates = [session.figures.images_per_s for session in record.sessions]
        found = record.interval
        yield (
            "interval",
            (
                f"{found.low:,.1f} to {found.high:,.1f} images/s "
                f"({found.confidence_percent:g} %, {found.sessions} sessions)"
            ),
        )
        yield "sessions", f"{min(rates):,.1f} to {max(rates):,.1f} images/s"
    yield (
        "ms/step",
        (
            f"p50 {words.ms(figures.step_ms_p50)}   p95 {words.ms(figures.step_ms_p95)}   "
            f"p99 {words.ms(figures.step_ms_p99)}   jitter {words.ms(figures.step_ms_jitter)}"
        ),
    )
    yield "peak memory", f"{figures.peak_gib:.2f} GiB a rank{_memory_kind(record)}"


def _memory_kind(record: Record) -> str:
    return " (allocated)" if record.resolved.device == "cuda" else " (resident set)"


def _split_rows(figures: Figures) -> Iterator[tuple[str, RenderableType]]:
    whole = _split_sum(figures)
    parts = {
        "data wait": figures.data_wait_ms,
        "forward": figures.forward_ms,
        "backward": figures.backward_ms,
        "optimizer": figures.optimizer_ms,
    }
    for name, part in parts.items():
        share = part / whole
        yield name, f"{words.ms(part):>8} ms {100 * share:5.1f} %  {_bar(share)}"


def _split_sum(figures: Figures) -> float:
    return figures.data_wait_ms + figures.forward_ms + figures.backward_ms + figures.optimizer_ms


def _bar(share: float) -> str:
    eighths = round(share * BAR_WIDTH * 8)
    rest = _EIGHTHS[eighths % 8].strip()
    return "█" * (eighths // 8) + rest


def _condition_rows(record: Record) -> Iterator[tuple[str, str]]:
    config = record.resolved
    yield "ranks", words.ranks(config, record.topology)
    yield "each rank", words.resources(record.topology)
    yield "batch", words.batch(config)
    yield "precision", words.precision(config)
    yield "layout", words.layout(config, record.weight_format)
    if config.device == "cuda":
        yield "cuDNN", words.cudnn(config)
    yield "data", words.data(config, record.data)
    yield "measured", _measured(record)
    versions = record.environment.versions
    shown = [f"{name} {versions[name]}" for name in ("torch", "cudnn", "dali") if name in versions]
    yield "software", ", ".join([*shown, f"Python {record.environment.python}"])


def _measured(record: Record) -> str:
    config, first = record.resolved, record.sessions[0]
    steps = f"{config.steps} steps after {config.warm_up} of warm-up"
    if len(record.sessions) == 1:
        return f"{steps}; {first.steadiness.why}"
    settled = sum(session.steadiness.steady for session in record.sessions)
    return f"{len(record.sessions)} x {steps}; {settled} of {len(record.sessions)} steady"


def _remarks(record: Record) -> Iterator[Text]:
    for session in record.sessions:
        for reason in session.invalid:
            yield Text.assemble(("INVALID ", "bold red"), reason)
    for note in record.notes:
        yield Text.assemble(("note ", "yellow"), note)
    if record.failure:
        yield from failure_lines(record.failure)
    elif record.status == "interrupted":
        yield Text.assemble(("interrupted ", "bold yellow"), record.why)


def failure_lines(failure: Failure) -> Iterator[Text]:
    """What failed, and the end of its log."""
    yield Text.assemble(("FAILED ", "bold red"), failure.what)
    if failure.log_tail:
        yield Text(f"the end of {failure.log}:", style="dim")
        for line in failure.log_tail:
            yield Text("  ", style="dim").append_text(Text.from_ansi(line))
