"""One side of a difference: all that a step of one trace is made of, step by step.

Work is added up by what it is matched by; what then is missing to the step is idle time by its
cause, and the overlap of work that runs at the same time. So each step is accounted for exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_diff import Part
from resnext_bench.reports.schema.trace_time import StepsFrom
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.header import distributed_info, whole_number
from resnext_bench.reports.trace.idle import idle_by_step
from resnext_bench.reports.trace.kernels.calls import conv_calls
from resnext_bench.reports.trace.kernels.device_work import CLASSES, Work
from resnext_bench.reports.trace.layers.places import Places, Source
from resnext_bench.reports.trace.layers.recorded import Recorded, recorded
from resnext_bench.reports.trace.layers.work import OUTSIDE, Outside, Placed, origins, placed
from resnext_bench.reports.trace.names.classes import ELIGIBLE
from resnext_bench.reports.trace.reading.trace import Ids, Ns
from resnext_bench.reports.trace.report import subject
from resnext_bench.reports.trace.time.identity import identity
from resnext_bench.reports.trace.time.intervals import Windows
from resnext_bench.reports.trace.time.links import Pass
from resnext_bench.wording import readable

PASSES: Final = ("", *(one.name.lower() for one in Pass))
_UNTOLD: Final = frozenset({"unknown", "either", "other"})
"""Memory formats that are none: not recorded, or of tensors that have both."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaf:
    """What work has in common that is not told apart; each text is empty where it is not known."""

    module: str
    outside: str
    """What it is for, where it is in no module."""
    shape: str
    """Of the convolution, product or attention that it is a part of."""
    dtype: str
    format: str
    """Memory format of the input of its convolution."""
    passes: str
    operator: str
    """Operator that launched it; empty on a CPU, where its name is that of an operator."""
    cls: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Module:
    """A module that has work of its own."""

    name: str
    part: str
    """The last part of its name."""
    type: str
    shapes: frozenset[str]
    """Of its convolutions and products."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Side:
    """One trace, ready to be compared with another."""

    file: str
    on: str
    device: int | None
    rank: int | None
    world: int | None
    steps_from: StepsFrom
    numbers: tuple[int, ...]
    """Of each used step, as the trace counts."""
    step_ns: Ns
    """Of each used step; all that follows has one column for each of them."""
    parts: Mapping[Part, Ns]
    """The four parts of a step."""
    leaves: tuple[Leaf, ...]
    leaf_ns: Ns
    """Durations added up [leaves, steps]."""
    leaf_calls: Ns
    """How often each ran [leaves, steps]."""
    overlap_ns: Ns
    """How much less than all durations together the time is in which anything ran."""
    idle_ns: Mapping[str, Ns]
    """By cause."""
    modules: tuple[Module, ...]
    """In the order in which they were first called."""
    source: Source
    """What names modules."""
    unshaped: bool
    """Whether no shape is recorded although there are convolutions or products."""
    facts: tuple[Note, ...]
    """What to doubt of the trace."""

    @property
    def steps(self) -> int:
        """Number of used steps."""
        return len(self.step_ns)

    @property
    def mean_ns(self) -> float:
        """Mean of the used steps."""
        return float(self.step_ns.mean()) if self.steps else 0.0


def side(analysis: Analysis) -> Side:
    """Return a side of an analysed trace."""
    trace, found, work = analysis.trace, analysis.steps, analysis.work
    windows = Windows(start=found.windows.start[found.used], end=found.windows.end[found.used])
    parts = identity(analysis.busy, windows)
    told_of, world = subject(analysis), distributed_info(trace.header)
    rank = whole_number(world.get("rank"))
    told = _Told.of(analysis)
    leaves, which = told.leaves()
    ns, calls = _by_step(analysis, which, len(leaves))
    busy = windows.length - parts.idle
    return Side(
        file=readable(trace.path),
        on=told_of.on,
        device=analysis.device,
        rank=analysis.rank if rank is None else rank,
        world=whole_number(world.get("world_size")),
        steps_from=found.source,
        numbers=tuple(n for n, used in zip(found.numbers, found.used, strict=True) if used),
        step_ns=windows.length,
        parts={
            "compute": parts.compute,
            "exposed communication": parts.exposed_communication,
            "exposed copy": parts.exposed_copy,
            "idle": parts.idle,
        },
        leaves=leaves,
        leaf_ns=ns,
        leaf_calls=calls,
        overlap_ns=ns.sum(axis=0) - busy,
        idle_ns={str(cause): ns for cause, ns in idle_by_step(analysis).items()},
        modules=_modules(analysis.places, leaves),
        source=analysis.places.source,
        unshaped=bool(work.of(*ELIGIBLE).any()) and not any(one.shape for one in leaves),
        facts=tuple(told_of.facts),
    )


def _by_step(analysis: Analysis, which: NDArray[np.intp], count: int) -> tuple[Ns, Ns]:
    """Return the durations of work added up by leaf and used step, and how often it ran."""
    steps, work = analysis.steps, analysis.work
    column = np.cumsum(steps.used) - 1
    found, calls = (np.zeros((count, steps.count), dtype=np.int64) for _ in range(2))
    np.add.at(found, (which, column[work.step]), work.duration)
    np.add.at(calls, (which, column[work.step]), 1)
    return found, calls


@dataclass(frozen=True, kw_only=True, eq=False)
class _Told:
    """What is known of each row of work, as numbers, and what these stand for."""

    analysis: Analysis
    columns: Mapping[str, Ids]
    words: Mapping[str, Sequence[str]]
    """The last word of each is what -1 stands for."""

    @classmethod
    def of(cls, analysis: Analysis) -> "_Told":
        """Return it of an analysed trace."""
        trace, work, places = analysis.trace, analysis.work, analysis.places
        put = placed(analysis, places)
        shapes = recorded(trace, analysis.links)
        what = _what(analysis, shapes)
        conv = conv_calls(trace, analysis.links, work).conv
        by = np.full(len(work.name), -1, dtype=np.int32)
        if analysis.device is not None:
            by = np.append(trace.host.name, np.int32(-1))[work.row]
        modules = [places.name(node) for node in range(len(places.tree))]
        columns: dict[str, Ids] = {
            "module": put.module,
            "outside": put.outside.astype(np.int32),
            "shape": what,
            "dtype": what,
            "format": conv,
            "passes": _passes(work, put),
            "operator": by,
            "cls": work.cls.astype(np.int32),
            "name": work.name,
        }
        words: dict[str, Sequence[str]] = {
            "module": (*modules, ""),
            "outside": (*OUTSIDE, ""),
            "shape": (*(shape for shape, _ in shapes.shapes), ""),
            "dtype": (*(dtype for _, dtype in shapes.shapes), ""),
            "format": (*(_format(one.input_format) for one in trace.convs), ""),
            "passes": PASSES,
            "operator": (*trace.names, ""),
            "cls": (*CLASSES, ""),
            "name": (*trace.names, ""),
        }
        return cls(analysis=analysis, columns=columns, words=words)

    def leaves(self) -> tuple[tuple[Leaf, ...], NDArray[np.intp]]:
        """Return what is told apart, in an order of its own, and which of it each row is."""
        numbers, first = self._numbered()
        found = [self._leaf(int(row)) for row in first]
        distinct: dict[Leaf, int] = {}
        for leaf in sorted(found, key=_order):
            distinct.setdefault(leaf, len(distinct))
        at = np.array([distinct[leaf] for leaf in found], dtype=np.intp)
        return tuple(distinct), at[numbers] if len(at) else np.empty(0, dtype=np.intp)

    def _numbered(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return a number for each row by all of its columns, and the first row of each number."""
        count = len(self.analysis.work.name)
        numbers, first = np.zeros(count, dtype=np.intp), np.empty(0, dtype=np.intp)
        for name, column in self.columns.items():
            key = numbers * np.intp(len(self.words[name]) + 1) + column + 1
            _, first, numbers = np.unique(key, return_index=True, return_inverse=True)
        return numbers, first

    def _leaf(self, row: int) -> Leaf:
        told = {name: self.words[name][int(column[row])] for name, column in self.columns.items()}
        return Leaf(**{name: str(one) for name, one in told.items()})


def _order(leaf: Leaf) -> tuple[str, ...]:
    return tuple(getattr(leaf, name) for name in Leaf.__slots__)


def _what(analysis: Analysis, told: Recorded) -> Ids:
    """Return which recorded shape each row of work is a part of; -1: of none."""
    call = told.of_host[origins(analysis, analysis.work.itself)]
    if analysis.device is None:
        call = np.where(call < 0, told.inside[analysis.work.itself], call)
    found: Ids = np.append(told.what, np.int32(-1))[call]
    return found


def _passes(work: Work, put: Placed) -> Ids:
    """Return an index into PASSES: what a module does that is no backward is its forward."""
    inside = np.where(put.backward, Pass.BACKWARD, Pass.FORWARD)
    free = np.where(put.backward, Pass.BACKWARD, work.passes)
    optimizes = put.outside == OUTSIDE.index(Outside.OPTIMIZER)
    free = np.where(optimizes, Pass.OPTIMIZER, free)
    return np.where(put.module >= 0, inside, free).astype(np.int32) + np.int32(1)


def _format(told: str) -> str:
    return "" if told in _UNTOLD else told


def _modules(places: Places, leaves: Sequence[Leaf]) -> tuple[Module, ...]:
    """Return the modules that have work of their own, in the order of their first calls."""
    shapes: dict[str, set[str]] = {}
    for leaf in leaves:
        if leaf.module:
            shapes.setdefault(leaf.module, set()).update({leaf.shape} - {""})
    first = np.full(len(places.tree), np.iinfo(np.int64).max)
    known = places.calls.module >= 0
    np.minimum.at(first, places.calls.module[known], places.calls.start[known])
    return tuple(
        Module(
            name=name,
            part=places.tree.part[node],
            type=places.tree.kind[node],
            shapes=frozenset(shapes[name]),
        )
        for node in places.tree.in_order(first)
        if (name := places.name(node)) in shapes
    )
