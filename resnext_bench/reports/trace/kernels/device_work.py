"""What ran in the used steps, a row each: kernels, or on a CPU operators by their own time."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.kernels.directions import resolved
from resnext_bench.reports.trace.names.classes import (
    Class,
    Kernel,
    TensorCore,
    kernel,
    operator,
    under,
)
from resnext_bench.reports.trace.reading.trace import Ids, Kind, Ns, Trace
from resnext_bench.reports.trace.time.host_work import host_work
from resnext_bench.reports.trace.time.links import Links, Pass
from resnext_bench.reports.trace.time.steps import Steps

CLASSES: tuple[Class, ...] = tuple(Class)
CORES: tuple[TensorCore, ...] = tuple(TensorCore)


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """Columns of equal length."""

    name: Ids
    """Index into the trace's names."""
    duration: Ns
    """ns; on a CPU without the time of operators inside, with that of calls of the runtime."""
    step: Ids
    """Index into the steps."""
    transfer: NDArray[np.bool_]
    """Whether the device's copy engines did it (Memcpy, Memset), and no kernel."""
    cls: NDArray[np.int8]
    """Index into CLASSES."""
    core: NDArray[np.int8]
    """Index into CORES."""
    passes: Ids
    """`Pass`; -1: not told."""
    row: Ids
    """Row of the host that it comes from: the operator around its launch, or on a CPU itself."""

    def of(self, *classes: Class) -> NDArray[np.bool_]:
        """Whether each row is of one of these classes."""
        return np.isin(self.cls, [CLASSES.index(one) for one in classes])


def work(trace: Trace, links: Links, steps: Steps, device: int | None) -> Work:
    """All of it."""
    return _on_host(trace, links, steps) if device is None else _on(device, trace, links, steps)


def _on(device: int, trace: Trace, links: Links, steps: Steps) -> Work:
    used = np.append(steps.used, False)
    rows = np.flatnonzero((trace.device.device == device) & used[steps.of_device])
    passes, cls, core = device_classes(trace, links, rows)
    return Work(
        name=trace.device.name[rows],
        duration=trace.device.duration[rows],
        step=steps.of_device[rows],
        transfer=trace.device.kind[rows] != Kind.KERNEL,
        cls=cls,
        core=core,
        passes=passes,
        row=links.operator[rows],
    )


def device_classes(
    trace: Trace, links: Links, rows: NDArray[np.intp]
) -> tuple[Ids, NDArray[np.int8], NDArray[np.int8]]:
    """Pass (-1: not told), class and tensor core (indices) of these rows of the device."""
    operator_row = links.operator[rows]
    around = np.where(operator_row >= 0, operator_row, links.launch[rows])
    passes = np.append(links.passes, np.int32(-1))[around]
    name, kind = trace.device.name[rows], trace.device.kind[rows]
    cls, core = _classified(trace, name, kind, operator_row, passes)
    return passes, resolved(trace, links, operator_row, cls), core


def _classified(
    trace: Trace, name: Ids, kind: NDArray[np.int8], operator_row: Ids, passes: Ids
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Class and tensor core of each row: asked once for each kernel, operator and pass."""
    by = np.append(trace.host.name, np.int32(-1))[operator_row]
    size = np.int64(len(trace.names) + 1)
    key = ((name * size + by + 1) * 4 + passes + 1) * 8 + kind
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    found = [
        _kernel(trace, int(name[at]), int(by[at]), int(passes[at]), Kind(int(kind[at])))
        for at in first
    ]
    cls = np.array([CLASSES.index(one.cls) for one in found], dtype=np.int8)
    core = np.array([CORES.index(one.tensor_core) for one in found], dtype=np.int8)
    return cls[which], core[which]


def _kernel(trace: Trace, name: int, by: int, passes: int, kind: Kind) -> Kernel:
    if kind is Kind.COPY:
        return Kernel(cls=Class.COPY, tensor_core=TensorCore.NO, grouped=None)
    if kind is Kind.FILL:
        return Kernel(cls=Class.FILL, tensor_core=TensorCore.NO, grouped=None)
    found = kernel(trace.names[name])
    launcher = trace.names[by] if by >= 0 else ""
    refined = under(found, launcher)
    optimizes = passes == Pass.OPTIMIZER and refined.cls is Class.ELEMENTWISE
    return replace(refined, cls=Class.OPTIMIZER) if optimizes else refined


def _on_host(trace: Trace, links: Links, steps: Steps) -> Work:
    """Operators by their own time, and spans of communication with all that lies within them."""
    host = trace.host
    cls = host_classes(trace, links)
    found = host_work(host, cls == CLASSES.index(Class.COMMUNICATION))
    cls[found.row[found.talks]] = CLASSES.index(Class.COMMUNICATION)
    used = np.append(steps.used, False)[steps.of_host[found.row]]
    rows = found.row[used]
    return Work(
        name=host.name[rows],
        duration=found.duration[used],
        step=steps.of_host[rows],
        transfer=np.zeros(len(rows), dtype=bool),
        cls=cls[rows],
        core=np.full(len(rows), CORES.index(TensorCore.NO), dtype=np.int8),
        passes=links.passes[rows],
        row=rows.astype(np.int32),
    )


def host_classes(trace: Trace, links: Links) -> NDArray[np.int8]:
    """Class (index) of each row of the host, as an operator of a CPU."""
    of_name = np.array([CLASSES.index(operator(name)) for name in trace.names], dtype=np.int8)
    cls = of_name[trace.host.name]
    optimizes = links.passes == Pass.OPTIMIZER
    cls[optimizes & (cls == CLASSES.index(Class.ELEMENTWISE))] = CLASSES.index(Class.OPTIMIZER)
    return cls
