"""Which work of one trace is which of the other.

What two leaves must have in common is asked from the strictest to the loosest, each time of what
is still without a partner: the same module, shape, pass, operator, class and kernel; another kernel
of the class; another operator; a product of another class; another shape in the same module. All
leaves of both sides that agree are one row. What is left is new or gone.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from resnext_bench.reports.schema.trace_diff import Changed, MatchedBy
from resnext_bench.reports.trace.differences.sides import Leaf, Side
from resnext_bench.reports.trace.names.classes import ELIGIBLE, Class

_COMPUTING: Final = frozenset(
    str(one)
    for one in (
        *(*ELIGIBLE, Class.NORM, Class.POOLING),
        *(Class.ELEMENTWISE, Class.REDUCTION, Class.OTHER),
    )
)
"""Classes that may take each other's place; a copy is not what a layout transform has become."""

_Named = Callable[["Keyed"], Hashable | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """Leaves of both sides that are the same work; one side may have none."""

    a: tuple[int, ...]
    b: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Keyed:
    """A leaf by what both sides call it."""

    leaf: Leaf
    place: Hashable
    """The module, or what work outside modules is for."""
    around: Hashable
    """The module; of all work outside modules the same."""
    shape: str
    """Empty where one of the sides records none."""


def _exactly(one: Keyed) -> Hashable:
    leaf = one.leaf
    return one.place, one.shape, leaf.passes, leaf.operator, leaf.cls, leaf.name


def _by_operator(one: Keyed) -> Hashable:
    return one.place, one.shape, one.leaf.passes, one.leaf.operator, one.leaf.cls


def _by_kernel(one: Keyed) -> Hashable:
    return one.place, one.shape, one.leaf.passes, one.leaf.cls, one.leaf.name


def _by_class(one: Keyed) -> Hashable:
    return one.place, one.shape, one.leaf.passes, one.leaf.cls


def _by_product(one: Keyed) -> Hashable | None:
    if one.leaf.cls not in _COMPUTING or not one.leaf.operator:
        return None
    return one.place, one.shape, one.leaf.passes, one.leaf.operator


def _kernel_anywhere(one: Keyed) -> Hashable:
    return one.around, one.leaf.operator, one.leaf.cls, one.leaf.name


def _operator_anywhere(one: Keyed) -> Hashable:
    return one.around, one.leaf.operator, one.leaf.cls


def _name_anywhere(one: Keyed) -> Hashable:
    return one.around, one.leaf.cls, one.leaf.name


def _class_anywhere(one: Keyed) -> Hashable:
    return one.around, one.leaf.cls


_STAGES: Final[tuple[_Named, ...]] = (
    *(_exactly, _by_operator, _by_kernel, _by_class, _by_product),
    *(_kernel_anywhere, _operator_anywhere, _name_anywhere, _class_anywhere),
)


def matches(a: Side, b: Side, modules: Mapping[str, str], by: MatchedBy) -> list[Match]:
    """Return all leaves of both sides in rows; `modules`: of b by name, which they are in a."""
    of_a = {name: name for name in modules.values()}
    shaped = not (a.unshaped or b.unshaped)
    sides = (
        [_keyed(leaf, of_a, "a", by, shaped=shaped) for leaf in a.leaves],
        [_keyed(leaf, modules, "b", by, shaped=shaped) for leaf in b.leaves],
    )
    left = [dict(enumerate(one)) for one in sides]
    found: list[Match] = []
    for stage in _STAGES:
        for match in _agreeing(left[0], left[1], stage):
            found.append(match)
            for numbers, taken in zip(left, (match.a, match.b), strict=True):
                for number in taken:
                    del numbers[number]
    found += [Match(a=tuple(these), b=()) for these in _groups(left[0], _exactly).values()]
    found += [Match(a=(), b=tuple(these)) for these in _groups(left[1], _exactly).values()]
    return sorted(found, key=lambda one: (one.a, one.b))


def _keyed(
    leaf: Leaf, modules: Mapping[str, str], side: str, by: MatchedBy, *, shaped: bool
) -> Keyed:
    """Return a leaf by what both sides call it; `shaped`: both record shapes."""
    shape = leaf.shape if shaped else ""
    if by != "modules":
        return Keyed(leaf=leaf, place=None, around=None, shape=shape)
    if not leaf.module:
        return Keyed(leaf=leaf, place=("outside", leaf.outside), around="outside", shape=shape)
    same = modules.get(leaf.module)
    place = ("both", same) if same is not None else (side, leaf.module)
    return Keyed(leaf=leaf, place=place, around=place, shape=shape)


def _agreeing(a: Mapping[int, Keyed], b: Mapping[int, Keyed], stage: _Named) -> Iterator[Match]:
    of_a, of_b = _groups(a, stage), _groups(b, stage)
    for key in of_a.keys() & of_b.keys():
        yield Match(a=tuple(of_a[key]), b=tuple(of_b[key]))


def _groups(leaves: Mapping[int, Keyed], stage: _Named) -> dict[Hashable, list[int]]:
    found: dict[Hashable, list[int]] = defaultdict(list)
    for number, one in leaves.items():
        key = stage(one)
        if key is not None:
            found[key].append(number)
    return found


_FIELDS: Final[Mapping[Changed, str]] = {
    "shape": "shape",
    "type": "dtype",
    "memory format": "format",
    "pass": "passes",
    "operator": "operator",
    "class": "cls",
    "kernel": "name",
}
_IF_KNOWN: Final = ("shape", "type", "memory format", "pass")
"""What is only different where both sides record it."""


def changed(a: Sequence[Leaf], b: Sequence[Leaf], *, on_host: bool) -> list[Changed]:
    """Return what is different in matched work; `on_host`: names are those of operators."""
    found: list[Changed] = []
    for what, field in _FIELDS.items():
        of_a, of_b = ({getattr(leaf, field) for leaf in one} for one in (a, b))
        if what in _IF_KNOWN:
            of_a, of_b = of_a - {""}, of_b - {""}
            if not of_a or not of_b:
                continue
        if of_a != of_b:
            found.append("operator" if what == "kernel" and on_host else what)
    return list(dict.fromkeys(found))
