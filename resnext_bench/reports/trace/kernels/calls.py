"""Convolutions of a trace: which call each kernel belongs to, a table by shape and direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace import ConvRow
from resnext_bench.reports.trace.kernels.device_work import Work
from resnext_bench.reports.trace.kernels.directions import DIRECTIONS
from resnext_bench.reports.trace.kernels.peaks import Peaks, rate
from resnext_bench.reports.trace.kernels.tables import share
from resnext_bench.reports.trace.kernels.timed import (
    Launches,
    Timed,
    apart,
    cut_calls,
    grouped_by,
    timed,
    usual,
)
from resnext_bench.reports.trace.names.classes import CONVS, Class
from resnext_bench.reports.trace.names.conv_arguments import CALLS
from resnext_bench.reports.trace.names.conv_roles import algorithm
from resnext_bench.reports.trace.names.convs import Conv, label
from resnext_bench.reports.trace.names.convs import Kind as Direction
from resnext_bench.reports.trace.reading.trace import Ids, Ns, Trace
from resnext_bench.reports.trace.time.links import Links, of_names
from resnext_bench.reports.trace.time.nest import outermost

_NUMBERS: Final = {one: number for number, one in enumerate(DIRECTIONS)}
_BESIDES: Final = (Class.SPLIT_K, Class.FILL)
"""What a call launches besides and cannot do without."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Calls:
    """For each row of work the call of a convolution that it belongs to."""

    row: Ids
    """Row of the host; -1: none, or its arguments say too little."""
    one: NDArray[np.int64]
    """The call itself, which replays of a graph repeat; -1 likewise."""
    conv: Ids
    """Index into the trace's convolutions; -1 likewise."""
    cut: NDArray[np.bool_]
    """Whether the range cuts the call."""


def conv_calls(trace: Trace, links: Links, work: Work) -> Calls:
    """Operators nest (conv2d > convolution > _convolution > cudnn_convolution): see `CALLS`."""
    host = trace.host
    is_call = of_names(trace.names, lambda name: 1 if name in CALLS else None)[host.name] > 0
    told = is_call & (host.conv >= 0)
    row = outermost(told, links.parent, work.row)
    cut = outermost(told, links.parent, links.cut)
    return Calls(
        row=row,
        one=apart(row, work.replay, len(host)),
        conv=np.append(host.conv, np.int32(-1))[row],
        cut=cut_calls(links, row, work.replay, cut),
    )


def conv_rows(trace: Trace, work: Work, calls: Calls, step_ns: int, peaks: Peaks) -> list[ConvRow]:
    """A row for each shape, direction and main kernel, most time first."""
    direction = _directions(trace, work, calls)
    mine = np.flatnonzero(direction >= 0)
    launches = Launches(
        call=calls.one[mine],
        part=direction[mine],
        name=work.name[mine],
        duration=work.duration[mine],
        main=work.of(*CONVS)[mine],
    )
    parts = timed(launches)
    conv = _alike(trace.convs)[trace.host.conv[parts.call % max(1, len(trace.host))]]
    layout = _layout(work, calls, parts)
    core = work.core[mine]
    cut = parts.any(calls.cut[mine])
    rows = []
    for group in grouped_by(parts, launches, conv, parts.part):
        ns, first = parts.ns[group.parts], group.parts[0]
        rows.append(
            _row(
                trace.convs[conv[first]],
                DIRECTIONS[parts.part[first]],
                names=[trace.names[parts.name[first]], *(trace.names[one] for one in group.names)],
                ns=ns,
                cut=cut[group.parts],
                step_ns=step_ns,
                layout_ns=int(layout[group.parts].sum()),
                peaks=peaks,
                core=core[group.rows],
            )
        )
    return sorted(rows, key=lambda row: (-row.total_ns, row.shape, row.direction))


def _directions(trace: Trace, work: Work, calls: Calls) -> NDArray[np.int8]:
    """Directions of all that belongs to a call's products; -1: of nothing that does."""
    inside = calls.row >= 0
    direction = np.where(inside, work.direction, np.int8(-1)).astype(np.int8)
    beside = inside & (direction < 0) & work.of(*_BESIDES)
    forward = of_names(trace.names, lambda name: 1 if "backward" not in name else None)
    is_forward = np.append(forward[trace.host.name] > 0, False)[calls.row]
    direction[beside & is_forward] = _NUMBERS[Direction.FORWARD]
    _wrappers(calls.row, direction)
    left = beside & ~is_forward
    direction[left] = _only_one(calls.one, direction)[left]
    return direction


def _wrappers(call: Ids, direction: NDArray[np.int8]) -> None:
    """Put operators of both gradients that have one of each inside to that of the weight.

    Older versions of PyTorch have these on a CPU; their own time is that of a wrapper.
    """
    both = np.flatnonzero(direction == _NUMBERS[Direction.BACKWARD])
    for one in (Direction.INPUT, Direction.WEIGHT) if both.size else ():
        inside = np.isin(call[both], call[direction == _NUMBERS[one]])
        direction[both[inside]] = _NUMBERS[one]


def _only_one(call: NDArray[np.int64], direction: NDArray[np.int8]) -> NDArray[np.int8]:
    """The direction of each row's call where it has one alone; else that of nothing."""
    distinct, call = np.unique(call, return_inverse=True)
    size = len(distinct)
    least, most = np.full(size, 127, np.int8), np.full(size, -1, np.int8)
    known = direction >= 0
    np.minimum.at(least, call[known], direction[known])
    np.maximum.at(most, call[known], direction[known])
    return np.where(least == most, most, np.int8(-1))[call]


def _alike(convs: Sequence[Conv]) -> Ids:
    """For each convolution the first one that is equal; they differ in arguments not looked at."""
    first: dict[Conv, int] = {}
    return np.array([first.setdefault(one, at) for at, one in enumerate(convs)] + [-1], np.int32)


def _layout(work: Work, calls: Calls, parts: Timed) -> Ns:
    """Layout transforms of each part's call, told once: of the part whose kernels began first."""
    found = np.zeros(len(parts.call), dtype=np.int64)
    if not len(parts.call):
        return found
    begins = np.full(len(parts.call), len(parts.of), dtype=np.intp)
    np.minimum.at(begins, parts.of, np.arange(len(parts.of)))
    order = np.lexsort((begins, parts.call))
    first = order[np.append(True, np.diff(parts.call[order]) != 0)]
    mine = np.flatnonzero(work.of(Class.LAYOUT) & (calls.row >= 0))
    at = np.searchsorted(parts.call[first], calls.one[mine])
    at = np.minimum(at, len(first) - 1)
    known = parts.call[first[at]] == calls.one[mine]
    np.add.at(found, first[at[known]], work.duration[mine[known]])
    return found


def _row(
    conv: Conv,
    direction: Direction,
    *,
    names: Sequence[str],
    ns: Ns,
    cut: NDArray[np.bool_],
    step_ns: int,
    layout_ns: int,
    peaks: Peaks,
    core: NDArray[np.int8],
) -> ConvRow:
    """The row of calls that are alike; the first name is that of the main kernel."""
    typical, total = usual(ns, cut), int(ns.sum())
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
        kernel=names[0],
        kernels=len(names) - 1,
        algorithm=next(filter(None, map(algorithm, names)), ""),
        calls=len(ns),
        total_ns=total,
        share=share(total, step_ns),
        median_ns=typical.median_ns,
        tflops=rate(flops, typical.median_ns) if typical.is_whole else None,
        cut_calls=typical.cut,
        peak_tflops=peaks.of(conv.dtype, core),
        layout_ns=layout_ns,
    )
