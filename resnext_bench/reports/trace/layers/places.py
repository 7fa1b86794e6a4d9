"""In which module of the model each row of the host is, forward and backward.

A row is in the innermost module whose forward encloses it on its thread. One that autograd runs
is in the module of the forward operator that it belongs to, whatever else encloses it. What a
module computes again during the backward pass, as activation checkpointing has it do, is a call of
the module within a row of autograd: it counts as a part of that module's backward.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.layers import calls, paths
from resnext_bench.reports.trace.layers.backward import Matched, enclosing, is_node, matched
from resnext_bench.reports.trace.layers.spans import Spans, spans
from resnext_bench.reports.trace.layers.tree import Growing, Tree
from resnext_bench.reports.trace.reading.trace import Host, Ids, Kind, Modules, Ns, Trace
from resnext_bench.reports.trace.time.links import Links, of_names


class Source(StrEnum):
    """What in a trace names modules, the best first."""

    LABELS = "labels"
    """Annotations of `run --profile`."""
    PYTHON = "python"
    """Calls of modules that Python's profiler saw."""
    HIERARCHY = "hierarchy"
    """TorchScript's `Module Hierarchy`."""
    STACKS = "stacks"
    """Lines of Python that called an operator."""
    NONE = "none"


_KINDS: Final = (
    (Kind.MODULE, Source.PYTHON),
    (Kind.HIERARCHY, Source.HIERARCHY),
    (Kind.STACK, Source.STACKS),
)
_ROUNDS: Final = 2
"""How often modules are handed from forward to backward: the second is for gradients' gradients."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Calls:
    """Rows that tell a module, by thread and start."""

    start: Ns
    module: Ids
    """Index into the tree; -1: what the row tells leads nowhere."""
    again: NDArray[np.bool_]
    """Whether it is computed again during the backward pass."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """The modules of a trace, and for each row of the host which of them it is in."""

    source: Source
    tree: Tree
    at: Ids
    """Module of each row of the host; -1: in none, or not told."""
    node: Ids
    """Row of autograd that each row of the host is in, the innermost; -1: in none."""
    forward: Ids
    """Of each row of autograd the row of its forward operator; -1: not told, or no row of it."""
    again: NDArray[np.bool_]
    """Whether each row is a part of a forward pass that is computed again during backward."""
    calls: Calls

    @property
    def counts_calls(self) -> bool:
        """Whether each row of `calls` is a call of a module, not only an operator inside one."""
        return self.source in (Source.LABELS, Source.PYTHON)

    def of(self, rows: Ids) -> Ids:
        """Return the modules of rows of the host; -1 for row -1."""
        return np.append(self.at, np.int32(-1))[rows]

    def name(self, module: int) -> str:
        """Return the path of a module, of instances with ` > ` between them."""
        between = " > " if self.source in (Source.PYTHON, Source.STACKS) else "."
        return between.join(self.tree.path(module))

    def short(self, modules: Ids) -> NDArray[np.object_]:
        """Return names of modules that are as short as they can be told apart; "" for -1.

        The name of an instance is its own, unless several modules call it.
        """
        if self.source is not Source.PYTHON:
            return self.names(modules)
        counts = Counter(self.tree.part)
        found = [
            part if counts[part] == 1 else self.name(module)
            for module, part in enumerate(self.tree.part)
        ]
        return np.array([*found, ""], dtype=object)[modules]

    def names(self, modules: Ids) -> NDArray[np.object_]:
        """Return the paths of modules; "" for -1."""
        paths_of = [self.name(module) for module in range(len(self.tree))]
        return np.array([*paths_of, ""], dtype=object)[modules]


def places(trace: Trace, links: Links) -> Places:
    """Find them by the best source that the trace has."""
    host = trace.host
    source, told, names = _told(trace)
    if source is Source.NONE:
        return _nowhere(told, len(host))
    nodes = is_node(trace)
    found = spans(told)
    rows = _Rows(
        host=host,
        node=enclosing(nodes, links.parent),
        around=found.around(host),
        spans=found,
        pairs=matched(trace, nodes),
    )
    within = _numbered(nodes)[spans(host.take(nodes)).around(told)]
    tree = Growing()
    module = _modules(tree, source, told, names, within, rows)
    at, forward = rows.places(module)
    return Places(
        source=source if (module >= 0).any() else Source.NONE,
        tree=tree.tree(),
        at=at,
        node=rows.node,
        forward=forward,
        again=rows.inside & (rows.node >= 0) & (at >= 0),
        calls=Calls(start=told.start, module=module, again=within >= 0),
    )


def _nowhere(told: Host | Modules, count: int) -> Places:
    nothing = np.full(count, -1, dtype=np.int32)
    return Places(
        source=Source.NONE,
        tree=Growing().tree(),
        at=nothing,
        node=nothing,
        forward=nothing,
        again=np.zeros(count, dtype=bool),
        calls=Calls(start=told.start, module=told.name, again=np.zeros(len(told), dtype=bool)),
    )


def _numbered(which: NDArray[np.bool_]) -> Ids:
    """Return the numbers of some rows, and -1 behind them."""
    return np.append(np.flatnonzero(which), -1).astype(np.int32)


def _told(trace: Trace) -> tuple[Source, Host | Modules, Sequence[str]]:
    """Return the rows that tell modules by the best source, and what their names index into."""
    host = trace.host
    labels = of_names(trace.names, lambda name: 1 if paths.label(name) else None)
    marked = (labels[host.name] > 0) & (host.kind != Kind.LAUNCH)
    if marked.any():
        return Source.LABELS, host.take(marked), trace.names
    for kind, source in _KINDS:
        which = trace.modules.kind == kind
        if which.any():
            return source, trace.modules.take(which), trace.modules_told
    return Source.NONE, trace.modules, ()


def _modules(
    tree: Growing,
    source: Source,
    told: Host | Modules,
    names: Sequence[str],
    within: Ids,
    rows: "_Rows",
) -> Ids:
    """Return the module of each row that tells one; `within`: the row of autograd it is in."""
    if source is Source.PYTHON:
        module = np.full(len(told), -1, dtype=np.int32)
        stand = calls.Standing(tree=tree, spans=rows.spans, name=told.name, names=names)
        stand.descend(module, within < 0)
        if (within >= 0).any():
            stand.begin_again(module, within, lambda node: rows.of_forward(module, node))
            stand.descend(module, within >= 0)
        return module
    key = told.name * np.int64(2) + (within >= 0)
    distinct, at = np.unique(key, return_inverse=True)
    texts = [names[number // 2] for number in distinct.tolist()]
    again = [bool(number % 2) for number in distinct.tolist()]
    if source is Source.LABELS:
        found = calls.by_labels(tree, texts)
    else:
        read = paths.hierarchy if source is Source.HIERARCHY else paths.stack
        found = calls.by_paths(tree, [read(text) for text in texts], again)
    return np.array([*found, -1], dtype=np.int32)[at]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """What rows of the host have around them."""

    host: Host
    node: Ids
    """Row of autograd at or above each."""
    around: Ids
    """Row that tells a module around each, the innermost one."""
    spans: Spans
    """Those rows."""
    pairs: Sequence[Matched]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Whether the module around each row was called within the row of autograd around it."""
        start = np.append(self.spans.start, np.iinfo(np.int64).min)[self.around]
        end = np.append(self.spans.end, np.iinfo(np.int64).max)[self.around]
        node = np.maximum(self.node, 0)
        starts, ends = self.host.start[node], self.host.end[node]
        later = (start > starts) | ((start == starts) & (end <= ends))
        found: NDArray[np.bool_] = (self.around >= 0) & ((self.node < 0) | later)
        return found

    def places(self, module: Ids) -> tuple[Ids, Ids]:
        """Return the module of each row, and of each row of autograd its forward operator."""
        direct = np.append(module, np.int32(-1))[self.around]
        inside = self.inside
        at = np.where((self.node < 0) | inside, direct, np.int32(-1))
        for _ in range(_ROUNDS):
            forward = self._forward(at)
            origin = np.append(forward, np.int32(-1))[self.node]
            handed = np.append(at, np.int32(-1))[origin]
            own = (self.node < 0) | inside | (origin < 0)
            at = np.where(own, direct, handed).astype(np.int32)
        return at, forward

    def of_forward(self, module: Ids, node: Ids) -> Ids:
        """Return the modules of the forward operators of rows of autograd; -1: not told."""
        at, forward = self.places(module)
        return np.append(at, np.int32(-1))[forward[node]]

    def _forward(self, at: Ids) -> Ids:
        """Return the forward operator of each row of autograd, -1 where threads disagree.

        They agree where all operators that may have been meant are in one module.
        """
        found = np.full(len(self.host), -1, dtype=np.int32)
        for pair in self.pairs:
            row, modules = pair.forward[0].copy(), np.append(at, np.int32(-1))
            torn = np.zeros(len(row), dtype=bool)
            for other in pair.forward[1:]:
                torn |= (row >= 0) & (other >= 0) & (modules[row] != modules[other])
                row = np.where(row >= 0, row, other)
            found[pair.rows] = np.where(torn, np.int32(-1), row)
        return found
