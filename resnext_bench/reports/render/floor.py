"""Renders the noise floor: what this machine can show, and whether duets disturb."""

from collections.abc import Iterable, Iterator

from resnext_bench.reports.render.model import Column, Line, Section, Table
from resnext_bench.reports.schema.floor import Floor, Noise
from resnext_bench.reports.schema.interval import Range
from resnext_bench.reports.verdicts.floor import CHANGES, DEFAULT_PLAN, SESSIONS

_AS_COMPARE = (
    "With 95 % power, at the last look of a compare with at most this many sessions; for 1, 2 and "
    f"5 %, with its default, {DEFAULT_PLAN.sessions[-1]}."
)


def floor_sections(floor: Floor) -> Iterator[Section]:
    """Yield both designs side by side."""
    designs = (floor.duet.design, floor.relaunch.design)
    yield Table(
        columns=(
            Column(name="", tone="name"),
            *(Column(name=design, is_number=True) for design in designs),
        ),
        groups=(tuple((name, *values) for name, values in _rows(floor)),),
        title="One configuration compared with itself (A/A)",
        is_boxed=True,
    )
    yield Line(text=f"* {_AS_COMPARE}", tone="dim")
    yield Line(text=_contamination(floor))
    for note in (*floor.duet.notes, *floor.relaunch.notes):
        yield Line(label="note", text=note)
    yield Line(text=f"stored: {floor.duet.id}, {floor.relaunch.id}", tone="dim")
    for noise in (floor.duet, floor.relaunch):
        if not _holds_zero(noise.effect):
            yield Line(
                label="note",
                text=f"{noise.design}: a difference was found although both sides are the same; "
                "look at what differs between the first side and the second, and at the "
                "machine (doctor)",
            )


def _rows(floor: Floor) -> Iterator[tuple[str, tuple[str, str]]]:
    sides = (floor.duet, floor.relaunch)
    yield "sessions", _both(_sessions(noise) for noise in sides)
    yield "noise of a session (sd)", _both(f"{noise.sd_percent:.2f} %" for noise in sides)
    yield "effect found, 99 %", _both(_range(noise.effect) for noise in sides)
    yield "effect of order, 99 %", _both(_range(noise.order) for noise in sides)
    for count in SESSIONS:
        told = _both(f"{noise.detectable_percent[count]:.2g} %" for noise in sides)
        yield f"smallest change detected in {count} sessions*", told
    for change in CHANGES:
        needed = _both(f"{noise.needed[change]:,}" for noise in sides)
        yield f"sessions to detect {100 * change:g} %*", needed


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


def _contamination(floor: Floor) -> str:
    found = floor.contamination
    told = (
        "is not detectably different from one that runs alone"
        if _holds_zero(found)
        else f"is {found.percent:+.1f} % longer than one that runs alone; this affects both sides"
    )
    return (
        f"A step in a duet {told} ({_range(found)}, 99 %); the waiting side used at most "
        f"{floor.quiet_percent:.1f} % of its cores."
    )
