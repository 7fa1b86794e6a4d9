"""Columns of `trace query` that no report needs: arguments of operators, sizes of kernels, modules.

They are read only where a trace is analysed with details; else they are NULL.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.reading.details import DetailedDevice, DetailedHost
from resnext_bench.reports.trace.reading.trace import Ids, Trace

Columns = dict[str, NDArray[Any]]


def of_kernels(analysis: Analysis) -> Columns:
    """Return sizes of each row of the device, and arguments of the operator that launched it."""
    trace, operator = analysis.trace, analysis.links.operator
    device, host = trace.device, trace.host
    told = device if isinstance(device, DetailedDevice) else None
    has = host if isinstance(host, DetailedHost) else None
    none = np.full(len(device), -1, dtype=np.int32)
    return {
        "bytes": known(device.bytes),
        "grid": _texts(trace, none if told is None else told.grid),
        "block": _texts(trace, none if told is None else told.block),
        "registers": known(none if told is None else told.registers),
        "shared_memory": known(none if told is None else told.shared),
        "shapes": _texts(trace, none if has is None else _at(has.dims, operator)),
        "types": _texts(trace, none if has is None else _at(has.types, operator)),
        "op": known(operator),
    }


def of_ops(analysis: Analysis) -> Columns:
    """Return, of each row of the host, its number, its parent's, and an operator's arguments."""
    trace, host = analysis.trace, analysis.trace.host
    told = host if isinstance(host, DetailedHost) else None
    none = np.full(len(host), -1, dtype=np.int32)
    rows = np.arange(len(host), dtype=np.int32)
    return {
        "shapes": _texts(trace, none if told is None else told.dims),
        "types": _texts(trace, none if told is None else told.types),
        "strides": _texts(trace, none if told is None else told.strides),
        "inputs": _texts(trace, none if told is None else told.inputs),
        "op": rows,
        "parent_op": known(analysis.links.parent),
    }


def known(values: NDArray[Any]) -> NDArray[Any]:
    """Return values with NULL where they are less than 0."""
    return np.ma.masked_array(values, mask=values < 0)


def _texts(trace: Trace, numbers: Ids) -> NDArray[Any]:
    texts: NDArray[Any] = np.array([*trace.texts, None], dtype=object)[numbers]
    return texts


def _at(values: Ids, rows: Ids) -> Ids:
    return np.append(values, np.int32(-1))[rows]
