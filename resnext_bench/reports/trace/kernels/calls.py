"""Convolutions of a trace: which call each kernel belongs to, a table by shape and direction."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace import ConvRow
from resnext_bench.reports.trace.kernels.device_work import CLASSES, Work
from resnext_bench.reports.trace.kernels.tables import grouped, share
from resnext_bench.reports.trace.names.classes import Class
from resnext_bench.reports.trace.names.conv_arguments import CALLS
from resnext_bench.reports.trace.names.convs import Conv, label
from resnext_bench.reports.trace.names.convs import Kind as Direction
from resnext_bench.reports.trace.reading.trace import Ids, Trace
from resnext_bench.reports.trace.time.links import Links, of_names
from resnext_bench.reports.trace.time.nest import topmost

_DIRECTIONS = {
    Class.CONV_FORWARD: Direction.FORWARD,
    Class.CONV_INPUT: Direction.INPUT,
    Class.CONV_WEIGHT: Direction.WEIGHT,
    Class.CONV_BACKWARD: Direction.BACKWARD,
}
_BESIDES = (Class.SPLIT_K, Class.FILL)
"""What a call launches besides and cannot do without."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Calls:
    """For each row of work the call of a convolution that it belongs to."""

    row: Ids
    """Row of the host; -1: none, or its arguments say too little."""
    conv: Ids
    """Index into the trace's convolutions; -1 likewise."""


def conv_calls(trace: Trace, links: Links, work: Work) -> Calls:
    """Operators nest (conv2d > convolution > _convolution > cudnn_convolution): see `CALLS`."""
    host = trace.host
    call = of_names(trace.names, lambda name: 1 if name in CALLS else None)[host.name] > 0
    own = np.where(call & (host.conv >= 0), np.arange(len(host), dtype=np.int32), np.int32(-1))
    row = np.append(topmost(own, links.parent), np.int32(-1))[work.row]
    return Calls(row=row, conv=np.append(host.conv, np.int32(-1))[row])


def conv_rows(trace: Trace, work: Work, calls: Calls, step_ns: int) -> list[ConvRow]:
    """A row for each shape, direction and main kernel, most time first."""
    timed: dict[tuple[Conv, Direction, str], list[_Timed]] = defaultdict(list)
    for one in _calls(trace, work, calls):
        timed[one.conv, one.direction, one.main].append(one)
    rows = [_row(*key, group, step_ns) for key, group in timed.items()]
    return sorted(rows, key=lambda row: (-row.total_ns, row.shape, row.direction))


@dataclass(frozen=True, kw_only=True)
class _Timed:
    """What one call took in one direction."""

    conv: Conv
    direction: Direction
    main: str
    kernels: frozenset[str]
    ns: int
    layout_ns: int


def _calls(trace: Trace, work: Work, calls: Calls) -> Iterator[_Timed]:
    """Each call once for each direction that its kernels took."""
    mine = np.flatnonzero(calls.row >= 0)
    for at in grouped(calls.row[mine]):
        rows = mine[at]
        yield from _directions(trace, work, trace.convs[calls.conv[rows[0]]], rows)


def _directions(trace: Trace, work: Work, conv: Conv, rows: NDArray[np.intp]) -> Iterator[_Timed]:
    cls = [CLASSES[one] for one in work.cls[rows]]
    layout = int(work.duration[rows][[one is Class.LAYOUT for one in cls]].sum())
    by: dict[Direction, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row, one in zip(rows, cls, strict=True):
        if one in _DIRECTIONS:
            by[_DIRECTIONS[one]][trace.names[work.name[row]]] += int(work.duration[row])
    besides = int(work.duration[rows][[one in _BESIDES for one in cls]].sum())
    if {Direction.INPUT, Direction.WEIGHT} <= by.keys():
        # A helper whose name tells neither is no gradient of its own.
        besides += sum(by.pop(Direction.BACKWARD, {}).values())
    for at, (direction, kernels) in enumerate(_with_besides(by, besides).items()):
        yield _Timed(
            conv=conv,
            direction=direction,
            main=max(kernels, key=lambda name: kernels[name]),
            kernels=frozenset(kernels),
            ns=sum(kernels.values()),
            layout_ns=0 if at else layout,  # told once, of the first direction
        )


def _with_besides(
    by: dict[Direction, dict[str, int]], besides: int
) -> dict[Direction, dict[str, int]]:
    """Split-k reductions, fills and helpers count for the weight gradient, which has most of them.

    Where there is none, for the direction that takes longest. They go to its longest kernel.
    """
    if not besides or not by:
        return by
    longest = max(by, key=lambda one: sum(by[one].values()))
    kernels = by[Direction.WEIGHT if Direction.WEIGHT in by else longest]
    kernels[max(kernels, key=lambda name: kernels[name])] += besides
    return by


def _row(conv: Conv, direction: Direction, main: str, group: list[_Timed], step_ns: int) -> ConvRow:
    median = float(np.median([one.ns for one in group]))
    total = sum(one.ns for one in group)
    flops = conv.flops(direction)
    return ConvRow(
        shape=label(conv),
        batch=conv.batch,
        channels=conv.channels,
        filters=conv.filters,
        size=list(conv.size),
        window=list(conv.window),
        stride=None if conv.stride is None else list(conv.stride),
        groups=conv.groups,
        width=conv.channels // conv.groups,
        dtype=conv.dtype,
        input_format=conv.input_format,
        weight_format=conv.weight_format,
        direction=direction,
        kernel=main,
        kernels=len(frozenset().union(*(one.kernels for one in group))),
        calls=len(group),
        total_ns=total,
        share=share(total, step_ns),
        median_ns=median,
        tflops=flops / median / 1e3 if flops and median else None,
        layout_ns=sum(one.layout_ns for one in group),
    )
