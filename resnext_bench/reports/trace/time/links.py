"""Where work on the device comes from: the call that launched it, the operator around that call.

A kernel shares its correlation number with one call of the runtime or the driver; one launch of a
CUDA graph has many kernels. `External id`, which matches nothing in many older traces, is asked
only where there is no such call, or none below an operator. What has no origin stays unlinked, and
is told.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import Ids, Kind, Trace
from resnext_bench.reports.trace.time.forward import forward, of_autograd, within
from resnext_bench.reports.trace.time.nest import inherited, parents


class Pass(IntEnum):
    """Which part of training a row belongs to."""

    FORWARD = 0
    BACKWARD = 1
    OPTIMIZER = 2


_PASSES: Final = (
    (
        Pass.BACKWARD,
        re.compile(r"autograd::engine::evaluate_function|\w*Backward\w*$|aten::\w+_backward"),
    ),
    (Pass.BACKWARD, re.compile(r"## backward ##|.*AccumulateGrad|(void )?torch::autograd::")),
    (Pass.OPTIMIZER, re.compile(r"Optimizer\.(step|zero_grad)#|## optimizer ##")),
    (Pass.FORWARD, re.compile(r"## forward ##|(DistributedDataParallel|nn\.Module).*forward")),
)
"""Names by autograd, the optimizers and `record_function`, from the beginning of a row's name."""
_SPAN: Final = re.compile(r"(gloo|mpi|ucc):")


@dataclass(frozen=True, kw_only=True, eq=False)
class Replayed:
    """What captured graphs launched: where it comes from, which their own launch does not tell."""

    origin: Ids
    """For each row of the device the row of the host that launched the same when the graph was
    captured, or in an eager run; of all other work that which launched it."""
    number: Ids
    """Which replay each row of the device is a part of, from 1; 0: of none with known origins."""
    cut: NDArray[np.bool_]
    """Whether a range cuts each replay, by its number."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Links:
    """For rows of the host who encloses them; for rows of the device where they come from."""

    parent: Ids
    """Row of the host that encloses each row of the host; -1: none."""
    passes: Ids
    """`Pass` of each row of the host; -1: not told."""
    launch: Ids
    """Row of the host that launched each row of the device; -1: not in the trace."""
    operator: Ids
    """Innermost operator around that launch; -1: none."""
    cut: Ids = field(default_factory=lambda: np.empty(0, dtype=np.int32))
    """Rows of the host whose work lies across an edge of the range, or partly outside: their times
    are not whole."""
    replayed: Replayed | None = None
    """None where no graph is replayed whose kernels are known; `operator` is then that of launches,
    else of the origins."""

    @property
    def origin(self) -> Ids:
        """Row of the host that tells what each row of the device is for; -1: none."""
        return self.launch if self.replayed is None else self.replayed.origin

    def replay(self, rows: NDArray[Any]) -> Ids:
        """Return which replay each of these rows of the device is a part of; 0: of none."""
        if self.replayed is None:
            return np.zeros(len(rows), dtype=np.int32)
        found: Ids = self.replayed.number[rows]
        return found

    def is_cut(self, replay: Ids) -> NDArray[np.bool_]:
        """Return whether a range cuts each of these replays; 0 is none, which none cuts."""
        if self.replayed is None:
            return np.zeros(len(replay), dtype=bool)
        return self.replayed.cut[replay]


def link(trace: Trace) -> Links:
    """Both, for a whole trace."""
    host = trace.host
    parent = parents(host)
    is_operator = host.kind == Kind.OPERATOR
    own = np.where(is_operator, np.arange(len(host), dtype=np.int32), np.int32(-1))
    launch = _launches(trace)
    around = inherited(own, parent)
    operator = _at(around, launch)
    return Links(
        parent=parent,
        passes=_passes(trace, parent),
        launch=launch,
        operator=_by_external_id(trace, operator),
    )


def _passes(trace: Trace, parent: Ids) -> Ids:
    """`Pass` of each row of the host: its own, else that of the nearest row above.

    Where names leave it open, sequence numbers may tell the forward pass. Spans of gloo lie on
    threads of their own, below nothing: theirs is that in which they begin.
    """
    host = trace.host
    own = of_names(trace.names, _pass)[host.name]
    own[(own < 0) & host.backward] = Pass.BACKWARD
    passes = inherited(own, parent)
    between = of_autograd(host, passes == Pass.BACKWARD) & (passes < 0)
    if between.any():
        own[between] = Pass.BACKWARD
        passes[within(host, between) & (passes < 0)] = Pass.BACKWARD
    told = forward(host, parent, passes == Pass.BACKWARD) & (passes < 0)
    if told.any():
        own[told] = Pass.FORWARD
        passes[within(host, told) & (passes < 0)] = Pass.FORWARD
    spans = np.flatnonzero((of_names(trace.names, _span)[host.name] > 0) & (passes < 0))
    outermost = np.flatnonzero((own >= 0) & (_at(passes, parent) < 0))
    if not spans.size or not outermost.size:
        return passes
    outermost = outermost[np.argsort(host.start[outermost], kind="stable")]
    begun = np.searchsorted(host.start[outermost], host.start[spans], side="right") - 1
    around = outermost[np.maximum(begun, 0)]
    inside = (begun >= 0) & (host.start[spans] < host.end[around])
    passes[spans[inside]] = passes[around[inside]]
    return passes


def _span(name: str) -> int | None:
    return 1 if _SPAN.match(name) else None


def of_names(names: Sequence[str], value: Callable[[str], int | None]) -> Ids:
    """A number for each name, -1 where there is none; asked once for each distinct name."""
    found = [value(name) for name in names]
    return np.array([-1 if one is None else one for one in found] + [-1], dtype=np.int32)


def _pass(name: str) -> int | None:
    return next((one for one, pattern in _PASSES if pattern.match(name)), None)


def _at(values: Ids, rows: Ids) -> Ids:
    """The values at these rows, -1 where the row is -1."""
    return np.append(values, np.int32(-1))[rows]


def _launches(trace: Trace) -> Ids:
    """By correlation; of several calls with one number (runtime and driver) the first to begin."""
    host = trace.host
    calls = np.flatnonzero((host.kind == Kind.LAUNCH) & (host.key > 0))
    calls = calls[np.lexsort((host.start[calls], host.key[calls]))]
    return matching(host.key[calls], calls, trace.device.key)


def matching(keys: NDArray[Any], rows: NDArray[np.intp], wanted: NDArray[Any]) -> Ids:
    """The first row with each wanted key, -1 for none; keys are sorted, 0 and less mean none."""
    if not len(keys):
        return np.full(len(wanted), -1, dtype=np.int32)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where((keys[at] == wanted) & (wanted > 0), rows[at], -1).astype(np.int32)


def _by_external_id(trace: Trace, operator: Ids) -> Ids:
    """Operators of those that correlation does not lead to one."""
    host, open_ = trace.host, operator < 0
    if not open_.any():
        return operator
    rows = np.flatnonzero((host.kind == Kind.OPERATOR) & (host.key > 0))
    rows = rows[np.argsort(host.key[rows], kind="stable")]
    return np.where(open_, matching(host.key[rows], rows, trace.device.external), operator)
