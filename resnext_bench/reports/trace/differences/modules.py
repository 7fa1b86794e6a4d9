"""Which module of one trace is which of the other, also where they are called something else.

Attributes (`layer1.0.conv2`) are names that a model gives: the same name is the same module,
whatever it computes. Instances (`Conv2d_3`) are counted by the profiler, so that all of them are
renamed where one is inserted: there a name counts only where type and shapes agree, at first. What
is left is matched by type and shapes, in the order of the first calls, where both sides have as
many of them; where they have not, nobody knows which are missing, and they stay without a partner.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Final

from resnext_bench.reports.trace.differences.sides import Module, Side
from resnext_bench.reports.trace.layers.places import Source

_INSTANCES: Final = (Source.PYTHON, Source.STACKS)

Key = Callable[[Module], Hashable | None]


def paired(a: Side, b: Side) -> dict[str, str]:
    """Return for modules of b, by name, the modules of a that they are."""
    found: dict[str, str] = {}
    left_a, left_b = list(a.modules), list(b.modules)
    if a.unshaped or b.unshaped:  # what one side alone records tells nothing apart
        left_a, left_b = ([replace(m, shapes=frozenset()) for m in one] for one in (left_a, left_b))
    for key in _keys(a.source in _INSTANCES or b.source in _INSTANCES):
        new = dict(_alike(left_a, left_b, key))
        taken = set(new.values())
        left_a = [one for one in left_a if one.name not in taken]
        left_b = [one for one in left_b if one.name not in new]
        found |= new
    return found


def _keys(instances: bool) -> tuple[Key, ...]:
    """Return what modules must have in common, the surest first."""
    if instances:
        return _all, _kind, _name
    return _name, _last, _kind


def _name(one: Module) -> Hashable:
    return one.name


def _all(one: Module) -> Hashable:
    return one.name, one.type, one.shapes


def _last(one: Module) -> Hashable:
    return one.part, one.type, one.shapes


def _kind(one: Module) -> Hashable | None:
    return (one.type, one.shapes) if one.type or one.shapes else None


def _alike(a: Sequence[Module], b: Sequence[Module], key: Key) -> list[tuple[str, str]]:
    """Return names of b with those of a, of modules with the same key, where there are as many."""
    groups: dict[Hashable, tuple[list[str], list[str]]] = {}
    for number, modules in enumerate((a, b)):
        for one in modules:
            if (told := key(one)) is not None:
                groups.setdefault(told, ([], []))[number].append(one.name)
    return [
        pair
        for of_a, of_b in groups.values()
        if len(of_a) == len(of_b)
        for pair in zip(of_b, of_a, strict=True)
    ]
