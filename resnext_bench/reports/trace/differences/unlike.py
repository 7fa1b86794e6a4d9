"""What makes two traces unlike, and by what their work can be matched nevertheless."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_diff import MatchedBy, RowDelta, fact
from resnext_bench.reports.trace.differences.sides import Side
from resnext_bench.reports.trace.layers.places import Source

_MOST: Final = 0.5
"""Share of time from which on something holds for the most part."""

Which = Literal["a", "b"]


def matched_by(a: Side, b: Side, modules: Mapping[str, str]) -> MatchedBy:
    """Return what work is matched by; `modules`: those of b, by name, that are some of a."""
    if Source.NONE not in (a.source, b.source) and max(_shared(a, b, modules)) >= _MOST:
        return "modules"
    return "operators" if a.unshaped or b.unshaped else "shapes"


def _shared(a: Side, b: Side, modules: Mapping[str, str]) -> tuple[float, float]:
    """Return on each side the share of all time in modules that is in those with a partner."""
    return _share(a, set(modules.values())), _share(b, set(modules))


def _share(side: Side, names: set[str]) -> float:
    totals = side.leaf_ns.sum(axis=1).tolist()
    inside = [(leaf.module, ns) for leaf, ns in zip(side.leaves, totals, strict=True)]
    every = sum(ns for module, ns in inside if module)
    return sum(ns for module, ns in inside if module in names) / every if every else 0.0


def unlike(
    a: Side, b: Side, modules: Mapping[str, str], by: MatchedBy, rows: Sequence[RowDelta]
) -> Iterator[Note]:
    """Yield what a reader must know of both traces together, then of each."""
    yield from _devices(a, b)
    if a.steps_from.kind != b.steps_from.kind:
        yield fact("steps_differ", a=a.steps_from.kind, b=b.steps_from.kind)
    if min(a.steps, b.steps) < 2:
        yield fact("no_interval", a=a.steps, b=b.steps)
    yield from _of_modules(a, b, modules, by)
    yield from _of_shapes(a, b, rows, by)
    yield from _unpaired(rows)
    for side, one in (("a", a), ("b", b)):
        for note in one.facts:
            yield Note(kind=note.kind, side=side, values=note.values)  # type: ignore[arg-type]


def _devices(a: Side, b: Side) -> Iterator[Note]:
    if (a.device is None) != (b.device is None):
        yield fact("host_against_device", a=a.on, b=b.on)
    elif a.on != b.on:
        yield fact("devices_differ", a=a.on, b=b.on)
    if a.world and b.world and a.world != b.world:
        yield fact("worlds_differ", a=a.world, b=b.world)
    for side, one, other in (("a", a, b), ("b", b, a)):
        if not one.world and (other.world or 1) > 1:  # not to be told is not to be one
            values = {"of": other.world}
            yield Note(kind="world_unknown", side=side, values=values)  # type: ignore[arg-type]
    if a.rank is not None and b.rank is not None and a.rank != b.rank:
        yield fact("ranks_differ", a=a.rank, b=b.rank)


def _of_modules(a: Side, b: Side, modules: Mapping[str, str], by: MatchedBy) -> Iterator[Note]:
    without = [side for side, one in (("a", a), ("b", b)) if one.source is Source.NONE]
    if without:
        yield _on_sides("modules_missing", without)
        return
    shared = _shared(a, b, modules)
    if by != "modules":
        yield fact("modules_differ", a=shared[0], b=shared[1])
        return
    if renamed := sum(one != other for one, other in modules.items()):
        yield fact("modules_renamed", count=renamed)
    for side, one, known in (("a", a, set(modules.values())), ("b", b, set(modules))):
        if names := [module.name for module in one.modules if module.name not in known]:
            values = {"count": len(names), "names": tuple(names)}
            yield Note(kind="modules_unpaired", side=side, values=values)  # type: ignore[arg-type]


def _of_shapes(a: Side, b: Side, rows: Sequence[RowDelta], by: MatchedBy) -> Iterator[Note]:
    if without := [side for side, one in (("a", a), ("b", b)) if one.unshaped]:
        yield _on_sides("shapes_missing", without, by=by)
    elif count := sum("shape" in row.changed for row in rows):
        yield fact("shapes_differ", count=count)


def _on_sides(
    kind: Literal["modules_missing", "shapes_missing"], sides: Sequence[str], **values: str
) -> Note:
    """Return a fact of one side, or of both."""
    return fact(kind, sides[0] if len(sides) == 1 else "", **values)  # type: ignore[arg-type]


def _unpaired(rows: Sequence[RowDelta]) -> Iterator[Note]:
    """Yield what share of each side's work has no partner, where that is most of a side."""
    every = sum(row.a_ns for row in rows), sum(row.b_ns for row in rows)
    alone = (
        sum(row.a_ns for row in rows if row.kind == "gone"),
        sum(row.b_ns for row in rows if row.kind == "new"),
    )
    shares = [one / of if of else 0.0 for one, of in zip(alone, every, strict=True)]
    if max(shares) >= _MOST:
        yield fact("unpaired_time", a=shares[0], b=shares[1])
