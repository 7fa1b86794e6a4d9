"""The modules of a trace as a tree: each stands below the module that called it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import Ids


@dataclass(frozen=True, kw_only=True, eq=False)
class Tree:
    """Modules by number; whatever is above a module has a smaller one."""

    above: Ids
    """The module that each lies in; -1: none."""
    part: tuple[str, ...]
    """Its own name, without those above."""
    kind: tuple[str, ...]
    """Its type, such as `Conv2d`; empty where the trace does not tell."""

    def __len__(self) -> int:
        return len(self.part)

    def path(self, node: int) -> tuple[str, ...]:
        """Return the names from the outermost module to this one."""
        parts: list[str] = []
        while node >= 0:
            parts.append(self.part[node])
            node = int(self.above[node])
        return tuple(parts[::-1])

    def summed(self, own: NDArray[Any]) -> NDArray[Any]:
        """Return what each module has together with all below it; rows of `own` are modules."""
        total = own.copy()
        for node in range(len(self) - 1, -1, -1):
            if self.above[node] >= 0:
                total[self.above[node]] += total[node]
        return total

    def in_order(self, first: NDArray[Any]) -> list[int]:
        """Return all modules, each before those below it, siblings by when they were first called.

        `first`: the first moment of each one; of one that was not called that of what is below it.
        """
        begun = first.copy()
        for node in range(len(self) - 1, -1, -1):
            above = self.above[node]
            if above >= 0:
                begun[above] = min(begun[above], begun[node])
        below: dict[int, list[int]] = {}
        for node in sorted(range(len(self)), key=lambda one: (begun[one], one)):
            below.setdefault(int(self.above[node]), []).append(node)
        found: list[int] = []
        open_ = below.get(-1, [])[::-1]
        while open_:
            node = open_.pop()
            found.append(node)
            open_ += below.get(node, [])[::-1]
        return found


class Growing:
    """A tree while modules are still being found."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, str], int] = {}
        self._above: list[int] = []
        self._part: list[str] = []
        self._kind: list[str] = []

    def below(self, above: int, part: str, kind: str) -> int:
        """Return the module of this name in another one (-1: in none), a new one if need be."""
        node = self._numbers.setdefault((above, part), len(self._part))
        if node == len(self._part):
            self._above.append(above)
            self._part.append(part)
            self._kind.append(kind)
        elif kind and not self._kind[node]:
            self._kind[node] = kind
        return node

    def along(self, path: Iterable[tuple[str, str]]) -> int:
        """Return the module at the end of a path of names and types; -1 of an empty one."""
        node = -1
        for part, kind in path:
            node = self.below(node, part, kind)
        return node

    def named(self, part: str) -> list[int]:
        """Return all modules of this name, wherever they are."""
        return [node for node, one in enumerate(self._part) if one == part]

    def lineage(self, node: int) -> list[int]:
        """Return a module and all above it, the outermost first."""
        found: list[int] = []
        while node >= 0:
            found.append(node)
            node = self._above[node]
        return found[::-1]

    def tree(self) -> Tree:
        """Return it as it is now."""
        return Tree(
            above=np.array(self._above, dtype=np.int32),
            part=tuple(self._part),
            kind=tuple(self._kind),
        )
