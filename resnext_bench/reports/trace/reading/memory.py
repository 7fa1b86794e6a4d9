"""Rows in which the profiler records memory: one for each allocation and for each free.

They have no duration. Their arguments are other ones than those of operators, so that a piece of
the file that has such rows is decoded a second time for them; a trace without pays nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Final

import numpy as np

from resnext_bench.reports.trace.reading.events import Event, MemoryEvent
from resnext_bench.reports.trace.reading.growing import Growing
from resnext_bench.reports.trace.reading.numbers import whole_ns
from resnext_bench.reports.trace.reading.pieces import again
from resnext_bench.reports.trace.reading.trace import UNTOLD, Ids, Memory, device_key

NAME: Final = "[memory]"
CATEGORIES: Final = ("cpu_instant_event", "")
"""Where such rows stand; until 2021 they had no category."""
_FARTHEST_US: Final = 9e15
_LARGEST: Final = 2**62
_OF_TYPE: Final = ("device_type", "device_number")


def has_memory(groups: Mapping[str, Sequence[Event]]) -> bool:
    """Return whether some rows of a piece, by their categories, are allocations."""
    return any(event.name == NAME for one in CATEGORIES for event in groups.get(one, ()))


class MemoryRows:
    """Columns of allocations while they grow."""

    def __init__(self) -> None:
        self._columns = {
            one.name: Growing(np.int32 if one.name == "thread" else np.int64)
            for one in fields(Memory)
        }

    def add(self, piece: bytes, threads: Mapping[tuple[object, object], int]) -> Mapping[str, int]:
        """Add those of a piece of the file; return how many were left out, by reason."""
        rows = [one for one in again(piece, MemoryEvent) if _is_memory(one)]
        timed = [one for one in rows if abs(one.ts) < _FARTHEST_US]
        sized = [one for one in timed if _number(one, "size") != UNTOLD]
        self._columns["time"].add(whole_ns(np.array([one.ts for one in sized], dtype=np.float64)))
        self._put("thread", [threads[one.pid, one.tid] for one in sized])
        self._put("device", [_device(one) for one in sized])
        for name in ("address", "total", "reserved"):
            self._put(name, [_number(one, name) for one in sized])
        self._put("bytes", [_number(one, "size") for one in sized])
        return {"no time": len(rows) - len(timed), "no bytes": len(timed) - len(sized)}

    def _put(self, name: str, values: Sequence[int]) -> None:
        column = self._columns[name]
        column.add(np.array(values, dtype=column.dtype))

    def taken(self, origin: int, threads: Sequence[tuple[object, object]], host: Ids) -> Memory:
        """Return all of them by time, counted from `origin`; `host`: threads of the host's rows.

        Old traces write a thread as a number here, and as text in other rows.
        """
        columns = {name: column.taken() for name, column in self._columns.items()}
        columns["time"] -= origin
        used = np.unique(host).tolist() if len(columns["thread"]) else []
        spelled = {_spelled(threads[at]): at for at in used}
        same = [spelled.get(_spelled(one), at) for at, one in enumerate(threads)]
        columns["thread"] = np.array(same, dtype=np.int32)[columns["thread"]]
        return Memory(**columns).take(np.argsort(columns["time"], kind="stable"))


def _is_memory(event: Event) -> bool:
    return event.name == NAME and event.cat in CATEGORIES


def _spelled(thread: tuple[object, object]) -> tuple[str, str]:
    return str(thread[0]), str(thread[1])


def _device(event: Event) -> int:
    kind, number = (_number(event, name) for name in _OF_TYPE)
    return device_key(max(kind, 0) % 2**16, min(max(number, -1), 2**15))


def _number(event: Event, name: str) -> int:
    """Return a number of a row, which may stand there as text; UNTOLD: none, or none that fits."""
    told = getattr(event.args, name, None)
    if isinstance(told, str):
        try:
            told = int(told, 0)
        except ValueError:
            return UNTOLD
    if isinstance(told, float):
        told = int(told) if told.is_integer() else None
    return told if isinstance(told, int) and abs(told) < _LARGEST else UNTOLD
