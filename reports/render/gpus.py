"""What was seen of the GPUs of a run, on one line."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from reports.schema.machine import Board, GpusSeen, Numbers, known
from reports.schema.record import Record


def gpu_line(record: Record) -> str:
    """As in `1,980 MHz (max 1,980)   650 W of 700   54 °C   0.35 J/image`; empty without a GPU."""
    seen = [session.gpus for session in record.sessions if session.gpus]
    if not seen:
        return ""
    used = {index for one in seen for index in one.index}
    boards = [board for board in record.environment.boards if used & set(board.gpus)]
    parts = (_clock(seen, boards), _power(seen, boards, used), _heat(seen), _energy(record, seen))
    return "   ".join(filter(None, parts))


def _clock(seen: Sequence[GpusSeen], boards: Sequence[Board]) -> str:
    """Of the slowest GPU, and of the fastest where that is another: ranks wait for the slowest."""
    clocks = list(_of_all(seen, lambda one: one.sm_mhz))
    if not clocks:
        return ""
    most = max((board.sm_max_mhz for board in boards if board.sm_max_mhz), default=0)
    low, high = f"{min(clocks):,.0f}", f"{max(clocks):,.0f}"
    limit = f" (max {most:,})" if most else ""
    return f"{low if low == high else f'{low} to {high}'} MHz{limit}"


def _power(seen: Sequence[GpusSeen], boards: Sequence[Board], used: set[int]) -> str:
    """Of all GPUs together, mean over sessions, of what they may take."""
    sums = [sum(powers) for one in seen if (powers := known(one.power_w))]
    if not sums:
        return ""
    limits = [board.power_limit_w for board in boards for index in board.gpus if index in used]
    told = [limit for limit in limits if limit is not None]
    whole = f" of {sum(told):,.0f}" if told and len(told) == len(used) else ""
    many = f" on {len(used)} GPUs" if len(used) > 1 else ""
    return f"{sum(sums) / len(sums):,.0f} W{whole}{many}"


def _heat(seen: Sequence[GpusSeen]) -> str:
    hottest = max(_of_all(seen, lambda one: one.temperature_c), default=None)
    return "" if hottest is None else f"{hottest:.0f} °C"


def _energy(record: Record, seen: Sequence[GpusSeen]) -> str:
    each = record.figures.joules_per_image if record.figures else None
    if each is None:
        return ""
    sampled = any(one.energy_by == "power samples" for one in seen)
    return f"{each:.3g} J/image{' (from power samples)' if sampled else ''}"


def _of_all(seen: Iterable[GpusSeen], of: Callable[[GpusSeen], Numbers]) -> Iterator[float]:
    for one in seen:
        yield from known(of(one))
