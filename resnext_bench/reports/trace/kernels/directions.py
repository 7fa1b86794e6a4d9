"""Directions of the kernels of convolutions: their classes, and what else is of a gradient.

Names tell the direction of many kernels, operators that of others (`classes.under`). What a
backward call leaves open is decided by all of its kernels together (`gradients`).
"""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.kernels.first_layers import of_weights
from resnext_bench.reports.trace.kernels.gradients import Launched, Wanted, directions
from resnext_bench.reports.trace.names.classes import CONVS, Class
from resnext_bench.reports.trace.names.conv_roles import Role, Told, role, told
from resnext_bench.reports.trace.names.convs import Kind
from resnext_bench.reports.trace.reading.trace import Ids, Trace
from resnext_bench.reports.trace.time.links import Links, of_names
from resnext_bench.reports.trace.time.nest import innermost, outermost

DIRECTIONS: Final = tuple(Kind)
Directions = NDArray[np.int8]
"""Indices into DIRECTIONS; -1: of no convolution."""

_CLASSES: Final = {one: number for number, one in enumerate(Class)}
_NUMBERS: Final = {one: number for number, one in enumerate(DIRECTIONS)}
_OF_CLASS: Final = {
    Class.CONV_FORWARD: Kind.FORWARD,
    Class.CONV_INPUT: Kind.INPUT,
    Class.CONV_WEIGHT: Kind.WEIGHT,
}
_BACKWARD: Final = re.compile(r"\w+::(?!\w*double)\w*conv\w*_backward")
_HALVES: Final = (
    (re.compile(r"\w+::\w*conv\w*_backward_input"), Told.INPUT),
    (re.compile(r"\w+::\w*conv\w*_backward_weight"), Told.WEIGHT),
)
"""Operators of one gradient, which versions before PyTorch 1.12 have inside the backward call."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Directed:
    """Of rows of the device."""

    cls: NDArray[np.int8]
    """Index into the classes; what is not decided is CONV_BACKWARD."""
    direction: Directions
    """Also of what a gradient's kernels cannot do without: zeros, the sum of a split k."""


def of_class(cls: NDArray[np.int8], *, both: bool) -> Directions:
    """Return directions that classes tell; CONV_BACKWARD is both gradients, or not determined."""
    left = Kind.BACKWARD if both else Kind.UNDETERMINED
    known = {**_OF_CLASS, Class.CONV_BACKWARD: left}
    table = [_NUMBERS[known[one]] if one in known else -1 for one in Class]
    return np.array(table, dtype=np.int8)[cls]


def directed(trace: Trace, links: Links, rows: NDArray[np.intp], cls: NDArray[np.int8]) -> Directed:
    """Return directions of these rows, and their classes with what directions add to them."""
    found = of_class(cls, both=False)
    if not np.isin(cls, [_CLASSES[one] for one in CONVS]).any():
        return Directed(cls=cls, direction=found)
    call = _backward_calls(trace, links, links.operator[rows], cls)
    mine = np.flatnonzero(call >= 0)
    if not mine.size:
        return Directed(cls=cls, direction=found)
    replay = links.replay(rows)
    mine = mine[np.lexsort((_moments(trace, links, rows[mine]), call[mine], replay[mine]))]
    kernels = _kernels(trace, links, rows[mine], cls[mine])
    decided = _decided(trace, call[mine], replay[mine], kernels)
    return _applied(cls, found, mine, kernels, decided)


def _backward_calls(trace: Trace, links: Links, operator: Ids, cls: NDArray[np.int8]) -> Ids:
    """Return the row of the backward call that each row belongs to; -1: none."""
    host = trace.host
    is_call = of_names(trace.names, lambda name: 1 if _BACKWARD.match(name) else None)
    call = outermost(is_call[host.name] > 0, links.parent, operator)
    # Where only autograd's node is recorded, or an operator of another name, it is the call.
    return np.where((call < 0) & (cls == _CLASSES[Class.CONV_BACKWARD]), operator, call)


def _moments(trace: Trace, links: Links, rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return when each row was launched; where that is not known, when it began."""
    launch = links.origin[rows]
    return np.where(launch >= 0, trace.host.start[launch], trace.device.start[rows])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Kernels:
    """What is known of kernels by themselves."""

    name: Ids
    role: NDArray[np.int8]
    told: NDArray[np.int8]


def _kernels(trace: Trace, links: Links, rows: NDArray[np.intp], cls: NDArray[np.int8]) -> _Kernels:
    """Return roles, and what names, classes and operators tell; names are asked once each."""
    distinct, which = np.unique(trace.device.name[rows], return_inverse=True)
    names = [trace.names[one] for one in distinct]
    by_name = np.array([role(name) for name in names], dtype=np.int8)[which]
    tells = np.array([told(name) for name in names], dtype=np.int8)[which]
    for one, what in ((Class.CONV_INPUT, Told.INPUT), (Class.CONV_WEIGHT, Told.WEIGHT)):
        tells[cls == _CLASSES[one]] = what
    halves = _halves(trace, links, links.operator[rows])
    return _Kernels(
        name=trace.device.name[rows],
        role=np.where(by_name == Role.NONE, _ROLES[cls], by_name).astype(np.int8),
        told=np.where(halves > 0, halves, tells).astype(np.int8),
    )


_BY_CLASS: Final = {
    Class.FILL: Role.BEFORE,
    Class.SPLIT_K: Role.AFTER,
    **dict.fromkeys((Class.CONV_BACKWARD, Class.CONV, *_OF_CLASS), Role.PRODUCT),
}
_ROLES: Final = np.array([_BY_CLASS.get(one, Role.NONE) for one in Class], dtype=np.int8)


def _halves(trace: Trace, links: Links, operator: Ids) -> Ids:
    """Return what the operator of one gradient around each row tells; -1: there is none."""
    half = of_names(trace.names, _half)[trace.host.name]
    found = innermost(half > 0, links.parent, operator)
    return np.append(half, np.int32(-1))[found]


def _half(name: str) -> int | None:
    return next((one for pattern, one in _HALVES if pattern.match(name)), None)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Bounds:
    """Where each call's kernels begin and end, and what is known of it besides."""

    begin: NDArray[np.intp]
    end: NDArray[np.intp]
    told: NDArray[np.bool_]
    """Whether it is told what was asked for."""
    replay: Ids
    """Of a graph, in which the call is; 0: in none."""


def _decided(trace: Trace, call: Ids, replay: Ids, kernels: _Kernels) -> Directions:
    """Return the direction of each kernel; rows are by call, and within it as they were launched.

    Calls that launched the same kernels, and were asked for the same, are decided once.
    """
    begin = np.flatnonzero(np.append(True, (np.diff(call) != 0) | (np.diff(replay) != 0)))
    end = np.append(begin[1:], len(call))
    conv = np.append(trace.host.conv, np.int32(-1))[call[begin]]
    wanted = [*(one.gradients for one in trace.convs), None]  # of no convolution: the last
    packed = (kernels.name.astype(np.int64) << 8) | (kernels.role << 4) | kernels.told
    known: dict[tuple[bytes, Wanted | None], Directions] = {}
    found = np.full(len(call), -1, dtype=np.int8)
    for first, last, which in zip(begin.tolist(), end.tolist(), conv.tolist(), strict=True):
        key = packed[first:last].tobytes(), wanted[which]
        if key not in known:
            known[key] = _of_call(kernels, slice(first, last), wanted[which])
        found[first:last] = known[key]
    told = np.array([wanted[one] is not None for one in conv.tolist()], dtype=bool)
    bounds = _Bounds(begin=begin, end=end, told=told, replay=replay[begin])
    _left_alone(trace, call, kernels, found, bounds)
    return found


def _of_call(kernels: _Kernels, which: slice, wanted: Wanted | None) -> Directions:
    launched = [
        Launched(name=name, role=Role(one), told=Told(tells))
        for name, one, tells in zip(
            kernels.name[which].tolist(),
            kernels.role[which].tolist(),
            kernels.told[which].tolist(),
            strict=True,
        )
    ]
    found = directions(launched, wanted)
    return np.array([-1 if one is None else _NUMBERS[one] for one in found], dtype=np.int8)


def _left_alone(
    trace: Trace, call: Ids, kernels: _Kernels, found: Directions, bounds: _Bounds
) -> None:
    """Decide calls of one product alone that tell nothing, where it is that of the weight."""

    def count(which: NDArray[np.bool_]) -> NDArray[np.int64]:
        sums: NDArray[np.int64] = np.append(0, np.cumsum(which))
        return sums[bounds.end] - sums[bounds.begin]

    open_ = found == _NUMBERS[Kind.UNDETERMINED]
    alone = ~bounds.told & (count(open_) > 0) & (count(kernels.role == Role.PRODUCT) == 1)
    gradients = (found == _NUMBERS[one] for one in (Kind.INPUT, Kind.WEIGHT))
    both = np.logical_and.reduce([count(one) > 0 for one in gradients])
    for at in of_weights(trace, call[bounds.begin], bounds.replay, alone, both):
        which = slice(bounds.begin[at], bounds.end[at])
        found[which][open_[which]] = _NUMBERS[Kind.WEIGHT]


def _applied(
    cls: NDArray[np.int8],
    direction: Directions,
    mine: NDArray[np.intp],
    kernels: _Kernels,
    decided: Directions,
) -> Directed:
    """Return all rows, with what was decided of some where they did not tell themselves."""
    cls, direction = cls.copy(), direction.copy()
    own, before = cls[mine], direction[mine]
    open_ = (before < 0) | (before == _NUMBERS[Kind.UNDETERMINED])
    direction[mine] = np.where(open_, decided, before)
    helper = (own == _CLASSES[Class.OTHER]) & (kernels.role != Role.NONE)
    left = (own == _CLASSES[Class.CONV_BACKWARD]) | helper
    by_direction = np.full(len(DIRECTIONS) + 1, _CLASSES[Class.CONV_BACKWARD], dtype=np.int8)
    for one, kind in _OF_CLASS.items():
        by_direction[_NUMBERS[kind]] = _CLASSES[one]
    cls[mine] = np.where(left, by_direction[direction[mine]], own)
    return Directed(cls=cls, direction=direction)
