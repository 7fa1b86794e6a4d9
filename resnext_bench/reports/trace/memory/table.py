"""A row for each block of memory, for questions in SQL."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_memory import KINDS
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.memory.device import Known, pass_name
from resnext_bench.reports.trace.memory.device_types import device_name
from resnext_bench.reports.trace.memory.lives import LIFETIMES
from resnext_bench.reports.trace.memory.memory import all_known
from resnext_bench.reports.trace.reading.trace import UNTOLD, Ids

Columns = dict[str, NDArray[Any]]
_TEXTS: Final = ("device", "name", "kind", "lifetime", "noted", "pass", "module")
_NUMBERS: Final = ("step", "start_ns", "duration_ns", "since_epoch_ns", "bytes", "address")


def columns(analysis: Analysis) -> Columns:
    """Return the blocks of all devices; what is not known is NULL, or an empty text."""
    every = [_columns(one) for one in all_known(analysis)]
    none: Columns = {name: np.empty(0, dtype=object) for name in _TEXTS}
    none |= {name: np.ma.masked_array(np.empty(0, np.int64)) for name in _NUMBERS}
    return {name: _joined([none[name], *(one[name] for one in every)]) for name in none}


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    found: NDArray[Any] = np.ma.concatenate(parts)  # type: ignore[no-untyped-call]
    return found


def _columns(found: Known) -> Columns:
    lived, blocks = found.lives, found.blocks
    count, row = len(blocks), lived.row
    trace = found.analysis.trace
    numbers = np.append(np.array(found.analysis.steps.numbers, dtype=np.int64), 0)
    marked = found.analysis.steps.marked
    ended = np.minimum(lived.end, found.times[-1])
    begun = np.where(row < 0, 0, lived.start)
    return {
        "device": np.full(count, device_name(found.series.device), dtype=object),
        "name": _words(trace.names)[_host(found, _at(found.origins.operator, row))],
        "kind": _words(KINDS)[found.told.kind],
        "lifetime": _words(LIFETIMES)[lived.lifetime],
        "noted": np.array([found.told.name.get(at, "") for at in range(count)], dtype=object),
        "pass": np.array([pass_name(one) for one in lived.passes.tolist()], dtype=object),
        "module": found.modules[_at(found.origins.module, row)],
        "step": np.ma.masked_array(numbers[lived.step], mask=(lived.step < 0) | (not marked)),
        "start_ns": np.ma.masked_array(begun, mask=row < 0),
        "duration_ns": np.ma.masked_array(ended - begun, mask=(row < 0) | ~blocks.free_told),
        "since_epoch_ns": np.ma.masked_array(begun + trace.origin_ns, mask=row < 0),
        "bytes": np.ma.masked_array(blocks.size),
        "address": np.ma.masked_array(blocks.address, mask=blocks.address == UNTOLD),
    }


def _host(found: Known, rows: Ids) -> Ids:
    """Return the numbers of names of rows of the host; -1 for none."""
    return _at(found.analysis.trace.host.name, rows)


def _at(values: Ids, rows: Ids) -> Ids:
    return np.append(values, np.int32(-1))[rows]


def _words(words: Iterable[str]) -> NDArray[np.object_]:
    return np.array([*words, ""], dtype=object)
