"""Which module each recorded call is of, and what stands above it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.layers import paths
from resnext_bench.reports.trace.layers.spans import Spans
from resnext_bench.reports.trace.layers.tree import Growing
from resnext_bench.reports.trace.reading.trace import Ids

Steps = list[tuple[str, str]]
"""Name and type of each module of a path, the outermost first."""


def by_labels(tree: Growing, names: Sequence[str]) -> list[int]:
    """Return the module of each label of `run --profile`."""
    found = [paths.label(name) for name in names]
    kinds = ["" if one is None else one[1] for one in found]
    plain = paths.without_ddp([() if one is None else one[0] for one in found])
    # The inner parts of a path get their types from labels of their own, if there are any.
    ends = [
        [*((part, "") for part in path[:-1]), (path[-1], kind)] if path else [(f"({kind})", kind)]
        for path, kind in zip(plain, kinds, strict=True)
    ]
    return [tree.along(end) for end in ends]


def by_paths(tree: Growing, told: Sequence[Steps], again: Sequence[bool]) -> list[int]:
    """Return the module at the end of each path; what is computed again is looked for first.

    Such a path begins where the computation does, so that what is above must be known from others.
    """
    found = [-1] * len(told)
    told = _with_network(told)
    for late in (False, True):
        for number, (path, is_again) in enumerate(zip(told, again, strict=True)):
            if path and is_again == late:
                above = _only(tree.named(path[0][0])) if late else None
                found[number] = _follow(tree, path, above)
    return found


def _with_network(told: Sequence[Steps]) -> Sequence[Steps]:
    """Return the paths with the type of the network also where TorchScript leaves it out."""
    networks = {path[0] for path in told if path and path[0][0].startswith("(")}
    known = [one for one in networks if one[0] != paths.NETWORK]
    if len(known) != 1:
        return told
    return [[*known, *path[1:]] if path[:1] == [(paths.NETWORK, "")] else path for path in told]


def _follow(tree: Growing, path: Steps, above: int | None) -> int:
    if above is None:
        return tree.along(path)
    node = above
    for part, kind in path[1:]:
        node = tree.below(node, part, kind)
    return node


def _only(nodes: list[int]) -> int | None:
    return nodes[0] if len(nodes) == 1 else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """Calls of modules by the names of their instances: each stands below the call around it."""

    tree: Growing
    spans: Spans
    name: Ids
    """Index into `names`."""
    names: Sequence[str]

    def descend(self, module: Ids, which: NDArray[np.bool_]) -> None:
        """Fill in the modules of these calls, level by level; those that are known stay."""
        open_ = np.flatnonzero(which & (module < 0))
        while open_.size:
            parent = self.spans.parent[open_]
            above = np.where(parent >= 0, module[parent], np.int32(-1))
            ready = (parent < 0) | (above >= 0) | ~which[parent]
            now = open_[ready]
            module[now] = self._below(above[ready], self.name[now])
            open_ = open_[~ready]

    def _below(self, above: Ids, name: Ids) -> Ids:
        pairs = np.stack([above, name], axis=1)
        distinct, at = np.unique(pairs, axis=0, return_inverse=True)
        found = [
            self.tree.below(one, self.names[number], paths.instance(self.names[number]))
            for one, number in distinct.tolist()
        ]
        return np.array(found, dtype=np.int32)[at.reshape(-1)]

    def begin_again(self, module: Ids, within: Ids, forward: Callable[[Ids], Ids]) -> None:
        """Fill in the modules of calls with which a forward pass begins to be computed again.

        `within` is the row of autograd that each call is in; -1: in none. Instances have their
        names still. Where one was called in several places, it is the one nearest to the module
        whose backward asks for it, which `forward` gives.
        """
        parent = self.spans.parent
        roots = np.flatnonzero((within >= 0) & ((parent < 0) | (within[parent] != within)))
        near = forward(within[roots])
        pairs = np.stack([self.name[roots], near], axis=1)
        distinct, at = np.unique(pairs, axis=0, return_inverse=True)
        found = [
            _nearest(self.tree, self.tree.named(self.names[number]), one)
            for number, one in distinct.tolist()
        ]
        module[roots] = np.array(found, dtype=np.int32)[at.reshape(-1)]


def _nearest(tree: Growing, nodes: list[int], near: int) -> int:
    """Return the module that shares most of its path with another one; -1 of none, or of two."""
    if len(nodes) < 2:
        return nodes[0] if nodes else -1
    wanted = set(tree.lineage(near))
    shared = [len(wanted.intersection(tree.lineage(node))) for node in nodes]
    best = [node for node, count in zip(nodes, shared, strict=True) if count == max(shared)]
    return best[0] if len(best) == 1 else -1
