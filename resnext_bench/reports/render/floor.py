"""The noise floor on the terminal: what this machine can show, and whether duets disturb."""

from collections.abc import Iterable, Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from resnext_bench.reports.floor import CHANGES, DEFAULT_PLAN, SESSIONS, Floor, Noise
from resnext_bench.reports.schema.comparison import Range

_AS_COMPARE = (
    "With 95 % power, at the last look of a compare of at most so many sessions; for 1, 2 and 5 %, "
    f"of its default, {DEFAULT_PLAN.sessions[-1]}."
)


def print_floor(console: Console, floor: Floor) -> None:
    """Show both designs side by side."""
    table = Table(
        box=box.ROUNDED,
        title="The same against itself (A/A)",
        title_style="bold",
        title_justify="left",
        padding=(0, 1),
    )
    table.add_column("", style="cyan")
    for design in (floor.duet, floor.relaunch):
        table.add_column(design.design, justify="right")
    for name, values in _rows(floor):
        table.add_row(name, *values)
    console.print(table)
    console.print(Text(f"* {_AS_COMPARE}", style="dim"))
    console.print(_contamination(floor))
    for note in (*floor.duet.notes, *floor.relaunch.notes):
        console.print(Text.assemble(("note ", "yellow"), note))
    console.print(Text(f"stored: {floor.duet.id}, {floor.relaunch.id}", style="dim"))
    for noise in (floor.duet, floor.relaunch):
        if not _holds_zero(noise.effect):
            console.print(
                Text.assemble(
                    ("note ", "yellow"),
                    f"{noise.design}: a thing is told from itself; look at what differs between "
                    "the first side and the second, and at the machine (doctor)",
                )
            )


def _rows(floor: Floor) -> Iterator[tuple[str, tuple[str, str]]]:
    sides = (floor.duet, floor.relaunch)
    yield "sessions", _both(_sessions(noise) for noise in sides)
    yield "noise of a session (sd)", _both(f"{noise.sd_percent:.2f} %" for noise in sides)
    yield "effect found, 99 %", _both(_range(noise.effect) for noise in sides)
    yield "effect of order, 99 %", _both(_range(noise.order) for noise in sides)
    for count in SESSIONS:
        told = _both(f"{noise.detectable_percent[count]:.2g} %" for noise in sides)
        yield f"smallest change told in {count} sessions*", told
    for change in CHANGES:
        needed = _both(f"{noise.needed[change]:,}" for noise in sides)
        yield f"sessions to tell {100 * change:g} %*", needed


def _sessions(noise: Noise) -> str:
    return f"{noise.sessions}, {noise.invalid} invalid" if noise.invalid else str(noise.sessions)


def _both(values: Iterable[str]) -> tuple[str, str]:
    duet, relaunch = values
    return duet, relaunch


def _range(found: Range | None) -> str:
    if found is None:
        return "–"
    return f"{found.low_percent:+.2f} to {found.high_percent:+.2f} %"


def _holds_zero(found: Range) -> bool:
    return found.low_percent <= 0 <= found.high_percent


def _contamination(floor: Floor) -> Text:
    found = floor.contamination
    told = (
        "cannot be told from one that runs alone"
        if _holds_zero(found)
        else f"is {found.percent:+.1f} % longer than one that runs alone; both sides share it"
    )
    return Text(
        f"A step in a duet {told} ({_range(found)}, 99 %); the waiting side used "
        f"{floor.quiet_percent:.1f} % of its cores at most."
    )
