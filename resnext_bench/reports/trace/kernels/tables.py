"""Tables of kernels and classes: everything is taken from the events, nothing from sums of sums."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace import ClassRow, KernelRow
from resnext_bench.reports.trace.kernels.device_work import CLASSES, CORES, Work
from resnext_bench.reports.trace.names.plain import plain
from resnext_bench.reports.trace.reading.trace import Trace
from resnext_bench.reports.trace.time.links import Pass


def kernels(trace: Trace, work: Work, step_ns: int) -> list[KernelRow]:
    """A row for each kernel and class, most time first."""
    key = work.name * np.int32(len(CLASSES)) + work.cls
    rows = [_kernel_row(trace, work, rows, step_ns) for rows in grouped(key)]
    return sorted(rows, key=lambda row: (-row.total_ns, row.name))


def grouped(key: NDArray[Any]) -> list[NDArray[np.intp]]:
    """The rows of each key, in order."""
    order = np.argsort(key, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(key[order])) + 1) if len(key) else []


def _kernel_row(trace: Trace, work: Work, rows: NDArray[np.intp], step_ns: int) -> KernelRow:
    duration, first = np.sort(work.duration[rows]), rows[0]
    name = trace.names[work.name[first]]
    told = plain(name)
    total = int(duration.sum())
    return KernelRow(
        name=name,
        demangled=told if told != name else None,
        cls=CLASSES[work.cls[first]],
        tensor_core=CORES[work.core[first]],
        count=len(rows),
        total_ns=total,
        share=share(total, step_ns),
        median_ns=float(np.median(duration)),
        p95_ns=int(duration[-(-len(rows) * 95 // 100) - 1]),
        min_ns=int(duration[0]),
        max_ns=int(duration[-1]),
        mean_ns=total / len(rows),
        std_ns=float(duration.std(ddof=1)) if len(rows) > 1 else 0.0,
        operator=_operator(trace, work, rows),
    )


def _operator(trace: Trace, work: Work, rows: NDArray[np.intp]) -> str:
    """The operator that most of the time comes from."""
    row = work.row[rows]
    names = trace.host.name[row[row >= 0]]
    if not len(names):
        return ""
    time = np.bincount(names, weights=work.duration[rows][row >= 0])
    return trace.names[int(time.argmax())]


def classes(work: Work, step_ns: int) -> list[ClassRow]:
    """A row for each class that ran, most time first."""
    rows = [_class_row(work, work.cls == number, step_ns) for number in np.unique(work.cls)]
    return sorted(rows, key=lambda row: (-row.total_ns, row.cls))


def _class_row(work: Work, mine: NDArray[np.bool_], step_ns: int) -> ClassRow:
    def of(which: int) -> int:
        return int(work.duration[mine & (work.passes == which)].sum())

    total = int(work.duration[mine].sum())
    return ClassRow(
        cls=CLASSES[work.cls[mine][0]],
        count=int(mine.sum()),
        total_ns=total,
        share=share(total, step_ns),
        forward_ns=of(Pass.FORWARD),
        backward_ns=of(Pass.BACKWARD),
        optimizer_ns=of(Pass.OPTIMIZER),
        other_ns=of(-1),
    )


def share(part: int, whole: int) -> float:
    """A fraction of 1; 0 of nothing."""
    return part / whole if whole else 0.0
