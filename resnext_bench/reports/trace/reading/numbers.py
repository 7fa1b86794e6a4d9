"""Numbers of rows as profilers have written them over the years: times, devices, streams."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.events import Event
from resnext_bench.reports.trace.reading.trace import Kind, Ns


def whole_ns(us: NDArray[np.float64]) -> Ns:
    """Return whole ns from decimal us: exact to 2**43 us (101 days), as the rest is taken apart.

    Kineto's base time keeps its stamps below three months (ChromeTraceBaseTime).
    """
    whole = np.floor(us)
    return whole.astype(np.int64) * 1000 + np.rint((us - whole) * 1000).astype(np.int64)


def externals(group: Sequence[Event]) -> list[int]:
    """Return the `External id` of each row, by its old name where the new one is not there."""
    found = [event.args.external for event in group]
    if min(found, default=0) >= 0:
        return found
    before = [event.args.external_before for event in group]
    return [old if new < 0 else new for new, old in zip(found, before, strict=True)]


def devices(group: Sequence[Event]) -> list[int]:
    """Return the number of each row's device: its own, else that of the process."""
    found = [event.args.device for event in group]
    return found if min(found, default=0) >= 0 else [_device(event) for event in group]


def _device(event: Event) -> int:
    if event.args.device >= 0:
        return event.args.device
    return event.pid if isinstance(event.pid, int) else _last_number(event.pid)


def streams(group: Sequence[Event]) -> list[int]:
    """Return the number of each row's stream: its own, else that of the thread."""
    told = [event.args.stream for event in group]
    found = [one for one in told if isinstance(one, int) and one != -1]
    return found if len(found) == len(told) else [_stream(event) for event in group]


def _stream(event: Event) -> int:
    for told in (event.args.stream, event.tid):
        if isinstance(told, int) and told != -1:
            return told
        if (number := _last_number(told)) >= 0:
            return number
    return -1


def _last_number(told: int | str | None) -> int:
    """Return the number of a text such as `stream 7` or `GPU 0`; -1: none."""
    digits = str(told).rpartition(" ")[2]
    return int(digits) if digits.isdecimal() and digits.isascii() else -1


def bytes_of(kind: Kind, group: Sequence[Event]) -> Ns:
    """Return the bytes that each row moved, -1 where it does not say; a kernel moves none."""
    if kind is Kind.KERNEL:
        return np.full(len(group), -1, dtype=np.int64)
    told = [event.args.bytes for event in group]
    return np.array([one if isinstance(one, int) and 0 <= one < 2**63 else -1 for one in told])
