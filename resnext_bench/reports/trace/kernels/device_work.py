"""What ran in the used steps, a row each: kernels, or on a CPU operators by their own time."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.graphs.replays import is_graph
from resnext_bench.reports.trace.kernels.directions import Directed, directed, of_class
from resnext_bench.reports.trace.names.classes import CONVS, Class, Kernel, TensorCore
from resnext_bench.reports.trace.names.communication import is_span
from resnext_bench.reports.trace.names.context import is_convolution, under, without_operator
from resnext_bench.reports.trace.names.kernels import kernel
from resnext_bench.reports.trace.names.operators import operator
from resnext_bench.reports.trace.reading.trace import Ids, Kind, Ns, Trace
from resnext_bench.reports.trace.time.host_work import host_work
from resnext_bench.reports.trace.time.links import Links, Pass, of_names
from resnext_bench.reports.trace.time.nest import nearest
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
    itself: NDArray[np.intp]
    """Row of the device, or on a CPU of the host, that it is."""
    direction: NDArray[np.int8]
    """Of convolutions, an index into DIRECTIONS; -1: of none."""
    replay: Ids
    """Which replay of a graph it is a part of, from 1: what one call launched when the graph was
    captured is a call in each of them. 0: of none, or of one that tells no operators."""

    def of(self, *classes: Class) -> NDArray[np.bool_]:
        """Whether each row is of one of these classes."""
        return np.isin(self.cls, [CLASSES.index(one) for one in classes])


def work(trace: Trace, links: Links, steps: Steps, device: int | None) -> Work:
    """All of it."""
    return _on_host(trace, links, steps) if device is None else _on(device, trace, links, steps)


def _on(device: int, trace: Trace, links: Links, steps: Steps) -> Work:
    used = np.append(steps.used, False)
    rows = np.flatnonzero((trace.device.device == device) & used[steps.of_device])
    passes, found, core = _device_classes(trace, links, rows)
    return Work(
        name=trace.device.name[rows],
        duration=trace.device.duration[rows],
        step=steps.of_device[rows],
        transfer=trace.device.kind[rows] != Kind.KERNEL,
        cls=found.cls,
        core=core,
        passes=passes,
        row=links.operator[rows],
        itself=rows,
        direction=found.direction,
        replay=links.replay(rows),
    )


def device_classes(
    trace: Trace, links: Links, rows: NDArray[np.intp]
) -> tuple[Ids, NDArray[np.int8], NDArray[np.int8]]:
    """Pass (-1: not told), class and tensor core (indices) of these rows of the device."""
    passes, found, core = _device_classes(trace, links, rows)
    return passes, found.cls, core


def _device_classes(
    trace: Trace, links: Links, rows: NDArray[np.intp]
) -> tuple[Ids, Directed, NDArray[np.int8]]:
    operator_row = links.operator[rows]
    around = np.where(operator_row >= 0, operator_row, links.origin[rows])
    passes = np.append(links.passes, np.int32(-1))[around]
    cls, core = _classified(trace, links, rows, passes)
    return passes, directed(trace, links, rows, cls), core


def _classified(
    trace: Trace, links: Links, rows: NDArray[np.intp], passes: Ids
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Class and tensor core of each row: asked once for each kernel and what is around it."""
    name, kind = trace.device.name[rows], trace.device.kind[rows]
    operator_row = _telling_operator(trace, links, rows)
    by = np.append(trace.host.name, np.int32(-1))[operator_row]
    number, convolutions = _convolutions(trace)
    around = nearest(number[trace.host.name], links.parent, operator_row)
    any_ = bool(convolutions) or _convolves(trace)
    size = np.int64(len(trace.names) + 1)
    key = (name * size + by + 1) * (len(convolutions) + 1) + around + 1
    key = (key * 4 + passes + 1) * 8 + kind
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    found = [
        _kernel(
            trace.names[name[at]],
            kind=Kind(int(kind[at])),
            by=trace.names[by[at]] if by[at] >= 0 else None,
            convolution=convolutions[around[at]] if around[at] >= 0 else "",
            convolutions=any_,
            optimizes=bool(passes[at] == Pass.OPTIMIZER),
        )
        for at in first
    ]
    cls = np.array([CLASSES.index(one.cls) for one in found], dtype=np.int8)
    core = np.array([CORES.index(one.tensor_core) for one in found], dtype=np.int8)
    return cls[which], core[which]


def _telling_operator(trace: Trace, links: Links, rows: NDArray[np.intp]) -> Ids:
    """Rows of the operators that launched these, -1: none.

    A captured graph is launched by one operator, if by any, and its kernels are those of many.
    """
    origin = np.append(trace.host.name, np.int32(-1))[links.origin[rows]]
    return np.where(is_graph(trace)[origin], np.int32(-1), links.operator[rows])


def _convolutions(trace: Trace) -> tuple[Ids, list[str]]:
    """Number of each name that is a convolution's operator, -1: it is none; and these names."""
    found = [name for name in trace.names if is_convolution(name)]
    number = {name: at for at, name in enumerate(found)}
    return of_names(trace.names, number.get), found


def _convolves(trace: Trace) -> bool:
    """Whether any kernel of the trace is a convolution's by its name."""
    names = np.flatnonzero(np.bincount(trace.device.name, minlength=1))
    return any(kernel(trace.names[one]).cls in CONVS for one in names)


def _kernel(
    name: str,
    *,
    kind: Kind,
    by: str | None,
    convolution: str,
    convolutions: bool,
    optimizes: bool,
) -> Kernel:
    if kind is Kind.COPY:
        return Kernel(cls=Class.COPY, tensor_core=TensorCore.NO, grouped=None)
    if kind is Kind.FILL:
        return Kernel(cls=Class.FILL, tensor_core=TensorCore.NO, grouped=None)
    found = kernel(name)
    if by is None:
        found = without_operator(found, convolutions=convolutions)
    else:
        found = under(found, by, convolution)
    if optimizes and found.cls is Class.ELEMENTWISE:
        return replace(found, cls=Class.OPTIMIZER)
    return found


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
        itself=rows,
        direction=of_class(cls[rows], both=True),
        replay=np.zeros(len(rows), dtype=np.int32),
    )


def host_classes(trace: Trace, links: Links) -> NDArray[np.int8]:
    """Class (index) of each row of the host, as an operator of a CPU."""
    here = np.bincount(trace.host.name, minlength=len(trace.names)) > 0
    told = (
        operator(name) if at else Class.OTHER for name, at in zip(trace.names, here, strict=True)
    )
    of_name = np.array([CLASSES.index(one) for one in told], dtype=np.int8)
    span = np.array([is_span(name) for name in trace.names], dtype=bool)
    cls = of_name[trace.host.name]
    words = (trace.host.kind == Kind.ANNOTATION) & ~span[trace.host.name]
    cls[words & (cls == CLASSES.index(Class.COMMUNICATION))] = CLASSES.index(Class.FRAMEWORK)
    optimizes = links.passes == Pass.OPTIMIZER
    cls[optimizes & (cls == CLASSES.index(Class.ELEMENTWISE))] = CLASSES.index(Class.OPTIMIZER)
    return cls
