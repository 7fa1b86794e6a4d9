"""Renders what was seen of a run's GPUs on one line."""

from collections.abc import Sequence

from resnext_bench.reports.schema.machine import Board, GpuFigures, gpu_figures
from resnext_bench.reports.schema.record import Record


def gpu_line(record: Record) -> str:
    """Return a line such as `1,980 MHz (max 1,980)   650 W of 700   54 °C`; empty without a GPU."""
    seen = [session.gpus for session in record.sessions if session.gpus]
    if (figures := gpu_figures(seen)) is None:
        return ""
    used = {index for one in seen for index in one.index}
    boards = [board for board in record.environment.boards if used & set(board.gpus)]
    heat = figures.temperature_c
    parts = (
        _clock(figures, boards),
        _power(figures, boards, used),
        "" if heat is None else f"{heat:.0f} °C",
        _energy(record, {one.energy_by for one in seen}),
    )
    return "   ".join(filter(None, parts))


def _clock(figures: GpuFigures, boards: Sequence[Board]) -> str:
    """Return the clock of the slowest GPU, and of the fastest where it differs."""
    if figures.sm_mhz is None:
        return ""
    most = max((board.sm_max_mhz for board in boards if board.sm_max_mhz), default=0)
    low, high = f"{figures.sm_mhz:,.0f}", f"{figures.sm_fastest_mhz:,.0f}"
    limit = f" (max {most:,})" if most else ""
    return f"{low if low == high else f'{low} to {high}'} MHz{limit}"


def _power(figures: GpuFigures, boards: Sequence[Board], used: set[int]) -> str:
    """Return the power of all GPUs together, and their limit."""
    if figures.power_w is None:
        return ""
    limits = [board.power_limit_w for board in boards for index in board.gpus if index in used]
    told = [limit for limit in limits if limit is not None]
    whole = f" of {sum(told):,.0f}" if told and len(told) == len(used) else ""
    many = f" on {len(used)} GPUs" if len(used) > 1 else ""
    return f"{figures.power_w:,.0f} W{whole}{many}"


def _energy(record: Record, ways: set[str]) -> str:
    each = record.figures.joules_per_image if record.figures else None
    if each is None:
        return ""
    return f"{each:.3g} J/image{' (from power samples)' if 'power samples' in ways else ''}"
