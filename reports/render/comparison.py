"""A comparison on the terminal: the verdict first, then where the difference is, then doubts."""

import shlex
from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports.render.console import failure_lines
from reports.render.words import ms
from reports.schema.comparison import Comparison, PhaseChange, Range, Side

_STYLES = {
    "faster": "bold green",
    "slower": "bold red",
    "same": "bold green",
    "negligible": "bold green",
    "can't tell": "bold yellow",
    "never steady": "bold yellow",
    "invalid": "bold red",
}
_WIDE_PERCENT = 1e6
"""Where a bound says no more than that nothing is known yet."""
_DESIGNS = {
    "duet": "duet: both sides resident, in alternating blocks",
    "relaunch": "relaunched in turn (ABBA)",
    "unpaired": "unpaired: measured at different times",
}


def print_comparison(console: Console, record: Comparison) -> None:
    """Show a whole comparison."""
    console.print(_headline(record))
    table = Table(box=box.ROUNDED, show_header=False, padding=(0, 1), caption=record.id)
    table.caption_justify = "left"
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    for group in (_result_rows, _phase_rows, _how_rows):
        rows = list(group(record))
        for name, value in rows:
            table.add_row(name, value)
        if rows:
            table.add_section()
    console.print(table)
    for remark in _remarks(record):
        console.print(remark)


def verdict_line(record: Comparison) -> str:
    """The verdict in one sentence: "b is slower than a: a step takes 9.3 % longer"."""
    word, change = record.verdict, record.change
    if word is None:
        return f"no verdict: {record.why}"
    size = f"{_short(abs(change.percent), 3)} %" if change else ""
    margin = record.limits.margin_percent
    told = {
        "faster": f"b is faster than a: a step takes {size} less time",
        "slower": f"b is slower than a: a step takes {size} longer",
        "same": f"b and a are the same, within ±{margin:g} %",
        "negligible": f"b differs from a, but by less than ±{margin:g} %",
        "can't tell": f"can't tell b from a{_more(record)}",
        "never steady": f"never steady: {record.why}",
        "invalid": f"invalid: {record.why}",
    }
    return told[word]


def _more(record: Comparison) -> str:
    more = record.sessions_more
    if not more:
        return f": {record.why}" if record.why else ""
    if record.design == "unpaired":
        return f"; about {more} more sessions of each side would (a rough guess)"
    promised = sum(not pair.invalid for pair in record.pairs) >= 10
    return f"; about {more} more sessions would" + ("" if promised else " (a rough guess)")


def _headline(record: Comparison) -> Text:
    style = _STYLES.get(record.verdict or "", "bold yellow")
    return Text(verdict_line(record), style=style)


def _result_rows(record: Comparison) -> Iterator[tuple[str, str | Text]]:
    yield "a", Text(_name(record.a))
    yield "b", Text(_name(record.b))
    for difference in record.differences:
        yield f"  {difference.what}", Text(f"{difference.a} → {difference.b}")
    if record.step_ms:
        a, b = record.step_ms
        yield "ms/step", f"{ms(a)} → {ms(b)}"
    if record.change:
        yield "step time", _range(record.change)
    detectable = record.detectable_percent
    if record.change and detectable is not None and detectable < _WIDE_PERCENT:
        yield "detectable", f"changes from {_short(detectable, 2)} % on (95 % power)"


def _name(side: Side) -> str:
    if side.runs:
        return ", ".join(side.runs)
    if side.command:
        command = shlex.join(side.command)
        return command if command == side.given else f"{command}   ({side.given})"
    model = side.resolved.model if side.resolved else ""
    return f"{side.given or 'the defaults'}   ({model})" if model else side.given


def _range(change: Range) -> str:
    return (
        f"{change.percent:+.2f} %   {change.confidence_percent:.4g} % interval "
        f"{change.low_percent:+.2f} to {_bound(change.high_percent)} %"
    )


def _bound(percent: float) -> str:
    """The upper end of an interval; two sessions that disagree have one of forty digits."""
    if percent < _WIDE_PERCENT:
        return f"{percent:+,.2f}"
    return f"beyond {_WIDE_PERCENT:+,.0f}"


def _short(value: float, digits: int, sign: str = "-") -> str:
    """So many figures that mean something, and never an exponent."""
    text = f"{value:{sign}.{digits}g}"
    return f"{value:{sign},.0f}" if "e+" in text else text


def _phase_rows(record: Comparison) -> Iterator[tuple[str, str]]:
    for name, phase in record.phases.items():
        yield name.replace("_", " "), _phase(phase)


def _phase(phase: PhaseChange) -> str:
    change = f"{_short(phase.change_ms, 3, '+')} ± {_short(phase.half_width_ms, 2)} ms"
    return f"{ms(phase.a_ms):>7} → {ms(phase.b_ms):>7} ms   {change}"


def _how_rows(record: Comparison) -> Iterator[tuple[str, str]]:
    yield "design", _DESIGNS[record.design]
    yield "sessions", _sessions(record)
    order = record.order_effect
    if order:
        yield (
            "order",
            (
                f"being second costs {order.percent:+.2f} % "
                f"({order.low_percent:+.2f} to {_bound(order.high_percent)} %), balanced out"
            ),
        )
    quiet = [pair.quiet_percent for pair in record.pairs if pair.quiet_percent is not None]
    if quiet:
        yield "quiet", f"the waiting side used {max(quiet):.1f} % of its cores at most"
    yield "machine", _machine(record)


def _sessions(record: Comparison) -> str:
    if record.design == "unpaired":
        look = "; one look" if record.looks_taken else ""
        return f"{record.a.sessions} of a, {record.b.sessions} of b{look}"
    done = sum(not pair.invalid for pair in record.pairs)
    blocks = (
        f", each {_pairs_of_blocks(record)} pairs of blocks of {record.limits.block_steps} steps"
        if record.design == "duet"
        else ""
    )
    looks = f"{record.looks_taken} of {len(record.limits.looks)} looks taken and paid for"
    return f"{done} of at most {record.limits.max_sessions}{blocks}; {looks}"


def _pairs_of_blocks(record: Comparison) -> str:
    """So many were asked for, and more may have been played."""
    played = [len(pair.blocks_ms) for pair in record.pairs] or [record.limits.pairs]
    least, most = min(played), max(played)
    return f"{least}" if least == most else f"{least} to {most}"


def _machine(record: Comparison) -> str:
    environment = record.environment
    gpus = f"{len(environment.gpus)} x {environment.gpus[0]}" if environment.gpus else ""
    torch = environment.versions.get("torch", "")
    device = gpus or f"{environment.cpu}, {environment.cores} cores"
    return ", ".join(filter(None, (device, f"torch {torch}" if torch else "")))


def _remarks(record: Comparison) -> Iterator[Text]:
    for note in record.notes:
        yield Text.assemble(("note ", "yellow"), note)
    if record.failure:
        yield from failure_lines(record.failure)
    elif record.status in ("failed", "interrupted"):
        yield Text.assemble((f"{record.status} ", "bold red"), record.why)
