"""Which modules a table shows: those of one depth, or those that a pattern names, and their sums.

Whatever is chosen, each piece of work is in one row at most, so that rows add up.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Final

from resnext_bench.reports.schema.trace_layers import LayerRow, Layers

MOST: Final = 25
"""Rows up to which a table reads well; the deepest level with no more of them is shown."""
_BETWEEN: Final = " > "


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """What a user asks of the modules."""

    depth: int | None = None
    """None: the deepest one that reads well."""
    module: str | None = None
    """A pattern of names, such as `layer3.*`; None: all."""
    is_wanted: bool = True


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A line of the table: a module with all below it, or what is in it and in none below it."""

    path: tuple[str, ...]
    is_itself: bool
    is_leaf: bool
    """Whether no module is below it."""
    row: LayerRow
    total_ns: int
    forward_ns: int
    backward_ns: int
    again_ns: int
    idle_ns: int
    flop: int | None
    uncounted_ns: int
    cut_ns: int
    classes: dict[str, int] = field(default_factory=dict)

    @property
    def rated_ns(self) -> int:
        """Return the time that rates are over: without calls that the range cuts."""
        return self.total_ns - self.cut_ns


@dataclass(frozen=True)
class Modules:
    """The modules of a report as a tree."""

    layers: Layers

    @cached_property
    def below(self) -> dict[int | None, list[int]]:
        """Rows directly below each row; below None the outermost ones."""
        found: dict[int | None, list[int]] = {}
        for number, row in enumerate(self.layers.rows):
            found.setdefault(row.above, []).append(number)
        return found

    @cached_property
    def paths(self) -> list[tuple[str, ...]]:
        """Parts of the name of each row; a part may hold any character."""
        found: list[tuple[str, ...]] = []
        for row in self.layers.rows:
            above = () if row.above is None else found[row.above]
            found.append((*above, row.part))
        return found

    def named(self, pattern: str) -> dict[int, int]:
        """Return the rows of which a pattern fits a name, or that lie in such a one.

        With each stands the depth of the outermost module above it that fits: it is shown no
        higher than that.
        """
        wanted = pattern.replace(_BETWEEN, ".")
        found: dict[int, int] = {}
        for number, (row, path) in enumerate(zip(self.layers.rows, self.paths, strict=True)):
            if row.above in found:
                found[number] = found[row.above]
            elif fnmatchcase(".".join(path), wanted) or fnmatchcase(row.part, wanted):
                found[number] = row.depth
        return found

    def shown(self, depth: int, within: dict[int, int]) -> list[Shown]:
        """Return the lines of one depth, most time first; `within`: rows and their least depth."""
        found = []
        for number, least in within.items():
            row, level = self.layers.rows[number], max(depth, least)
            if row.depth == level or (row.depth < level and not self.below.get(number)):
                is_leaf = not self.below.get(number)
                found.append(_whole(row, self.paths[number], is_leaf=is_leaf))
            elif row.depth < level and row.own_ns:
                below = [self.layers.rows[one] for one in self.below[number]]
                found.append(_itself(row, below, self.paths[number]))
        return sorted(
            (one for one in found if one.total_ns), key=lambda one: (-one.total_ns, one.path)
        )

    def readable(self, within: dict[int, int]) -> int:
        """Return the deepest depth whose table reads well."""
        deepest = max((self.layers.rows[one].depth for one in within), default=1)
        for depth in range(deepest, 1, -1):
            if len(self.shown(depth, within)) <= MOST:
                return depth
        return 1

    def every(self) -> dict[int, int]:
        """Return all rows, none of which has to be shown at a depth of its own."""
        return dict.fromkeys(range(len(self.layers.rows)), 1)


def _whole(row: LayerRow, path: tuple[str, ...], *, is_leaf: bool) -> Shown:
    return Shown(
        path=path,
        is_itself=False,
        is_leaf=is_leaf,
        row=row,
        total_ns=row.total_ns,
        forward_ns=row.forward_ns,
        backward_ns=row.backward_ns,
        again_ns=row.again_ns,
        idle_ns=row.idle_ns,
        flop=_flop(row),
        uncounted_ns=row.uncounted_ns,
        cut_ns=row.cut_ns,
        classes={one.cls: one.total_ns for one in row.classes},
    )


def _itself(row: LayerRow, below: Sequence[LayerRow], path: tuple[str, ...]) -> Shown:
    """Return what of a module is in none below it."""
    whole = _whole(row, path, is_leaf=False)
    classes = dict(whole.classes)
    for one in below:
        for cls in one.classes:
            classes[cls.cls] -= cls.total_ns
    flop = None if whole.flop is None else whole.flop - sum(_flop(one) or 0 for one in below)
    return Shown(
        path=path,
        is_itself=True,
        is_leaf=False,
        row=row,
        total_ns=row.own_ns,
        forward_ns=row.forward_ns - sum(one.forward_ns for one in below),
        backward_ns=row.backward_ns - sum(one.backward_ns for one in below),
        again_ns=row.again_ns - sum(one.again_ns for one in below),
        idle_ns=row.idle_ns - sum(one.idle_ns for one in below),
        flop=flop,
        uncounted_ns=row.uncounted_ns - sum(one.uncounted_ns for one in below),
        cut_ns=row.cut_ns - sum(one.cut_ns for one in below),
        classes={cls: ns for cls, ns in classes.items() if ns},
    )


def _flop(row: LayerRow) -> int | None:
    if row.forward_flop is None or row.backward_flop is None:
        return None
    return row.forward_flop + row.backward_flop


def common(paths: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return what all paths begin with, their own last parts left out."""
    heads = [path[:-1] for path in paths]
    if not heads:
        return ()
    first, last = min(heads), max(heads)
    count = 0
    while count < min(len(first), len(last)) and first[count] == last[count]:
        count += 1
    return first[:count]
