"""Grouped convolutions: layouts, distance from the floor, errors and kernels, layer by layer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from resnext_bench.lab.visit.pages.choices import MODES, choices
from resnext_bench.lab.visit.pages.figures import wrong_sides
from resnext_bench.lab.visit.pages.layers import DIRECTIONS, LAYOUTS, Layer, Side, layers
from resnext_bench.lab.visit.pages.roofs import Roofs
from resnext_bench.lab.visit.pages.tables import headed, introduced, table
from resnext_bench.lab.visit.pages.words import NONE, Notes, error, figure, number, remarks
from resnext_bench.lab.visit.results import Results
from resnext_bench.lab.visit.sizes import sizes_for
from resnext_bench.reports.render.kernel_names import short
from resnext_bench.reports.render.model import Code, Fold, Paragraph, Section, Text, inline
from resnext_bench.reports.trace.names.kernels import kernel

_HEAD = (
    *("layer", "direction", "NHWC, µs", "NCHW, µs", "NHWC / NCHW", "over the floor, NHWC"),
    *("over the floor, NCHW", "off float64"),
)
_MOST = 110
"""Most characters of a name that are shown; names of cuDNN's say most in their first words."""


def convs(results: Results) -> Iterator[Section]:
    """Yield a table for each type, and how cuDNN chose."""
    if found := layers(results):
        yield from headed("Grouped convolutions", _parts(results, found))


def _parts(results: Results, found: list[Layer]) -> Iterator[Section]:
    bandwidth = Roofs.of(results).bytes_per_s
    first, *others = dict.fromkeys(one.typed for one in found)
    of = {typed: [one for one in found if one.typed == typed] for typed in (first, *others)}
    bodies = {typed: tuple(_table(typed, of[typed], bandwidth)) for typed in of}
    yield Paragraph(text=_words(sizes_for(results.facts.kind).conv_model))
    yield from bodies[first]
    if not results.facts.is_miniature:
        yield from ran(of[first])
    yield from choices(found)
    for typed in others:
        # One type is enough for most readers.
        if bodies[typed]:
            yield Fold(summary=f"The same in {typed}", sections=bodies[typed])


def _words(model: str) -> Text:
    return inline(
        "The grouped convolutions of ",
        Code(model),
        ", a call of each in turn; ×k: so many layers of the network have the shape. Times are of "
        "the fastest choice in each layout. The floor is each operand moved once at the measured "
        "copy bandwidth: 1 is a kernel that nothing but memory limits. Tensors come from several "
        "sets in turn, more than the cache holds; below 1, a result stayed there, or reads and "
        "writes mixed better than in a copy. Errors are relative, of both layouts where they "
        "differ.",
    )


def _table(typed: str, found: list[Layer], bandwidth: float | None) -> Iterator[Section]:
    notes = Notes()
    batches = {one.task.found.get("layer", {}).get("batch") for one in found} - {None}
    batch = f", batch {batches.pop()}" if len(batches) == 1 else ""
    rows = (row for one in found for row in _rows(one, bandwidth, notes))
    yield from table(_HEAD, rows, title=f"{typed}{batch}", notes=notes)


def _rows(one: Layer, bandwidth: float | None, notes: Notes) -> Iterator[tuple[str, ...]]:
    mark = notes.mark([*remarks(one.task), *_wrong(one), *_launched(one)])
    for direction in DIRECTIONS:
        sides = [one.best(direction, layout) for layout in LAYOUTS]
        if not any(sides):
            continue
        floor = one.floor_s(direction, bandwidth)
        name = f"{one.name} ×{one.count}{mark}"
        mark = ""
        yield (
            name,
            direction,
            *(_us(one, side) for side in sides),
            figure(one.ratio(*sides)),
            *(_over(one, side, floor) for side in sides),
            " / ".join(dict.fromkeys(error(side.off) if side else NONE for side in sides)),
        )


def _wrong(one: Layer) -> list[str]:
    sides = wrong_sides(one.task)
    return [f"{len(sides)} wrong results are not shown"] if sides else []


def _launched(one: Layer) -> list[str]:
    """Return a remark if choices were timed with their launches, which matter for short kernels."""
    told = [
        choice["graph"]
        for choice in one.task.found.get("choices", {}).values()
        if "graph" in choice and choice.get("mode") in MODES
    ]
    without = told.count(False)
    words = f"{without} of {len(told)} choices were timed without a CUDA graph, launching included"
    return [words] if without else []


def _us(one: Layer, side: Side | None) -> str:
    seconds = one.seconds(side)
    return number(1e6 * seconds.estimate) if seconds else NONE


def _over(one: Layer, side: Side | None, floor: float | None) -> str:
    seconds = one.seconds(side)
    return f"{seconds.estimate / floor:.2f}" if seconds and floor else NONE


@dataclass(frozen=True, kw_only=True)
class Lost:
    """The time of a step that one shape loses over its floor in one direction, at best."""

    typed: str
    layer: str
    direction: str
    count: int
    lost_s: float
    over_floor: float


def worst(results: Results) -> Lost | None:
    """Return where the grouped convolutions of the first type lose most."""
    found, bandwidth = layers(results), Roofs.of(results).bytes_per_s
    lost = [
        one for layer in found if layer.typed == found[0].typed for one in _lost(layer, bandwidth)
    ]
    return max(lost, key=lambda one: one.lost_s, default=None)


def _lost(one: Layer, bandwidth: float | None) -> Iterator[Lost]:
    for direction in DIRECTIONS:
        times = [one.seconds(one.best(direction, layout)) for layout in LAYOUTS]
        known = [time.estimate for time in times if time]
        floor = one.floor_s(direction, bandwidth)
        if known and floor:
            yield Lost(
                typed=one.typed,
                layer=one.name,
                direction=direction,
                count=one.count,
                lost_s=one.count * (min(known) - floor),
                over_floor=min(known) / floor,
            )


def ran(found: Sequence[Layer]) -> Iterator[Section]:
    """Yield a line for each kernel, with what it is the fastest for; nothing if none is known."""
    users: dict[tuple[str, str], list[str]] = {}
    for one in found:
        for layout in LAYOUTS:
            for direction in DIRECTIONS:
                best = one.best(direction, layout)
                if best and best.kernels:
                    what = f"{one.name} {direction}"
                    users.setdefault((best.kernels[0], layout), []).append(what)
    rows = (
        (inline(Code(_name(name))), kernel(name).tensor_core.value, layout, ", ".join(what))
        for (name, layout), what in users.items()
    )
    words = "Kernels of these choices, of several the one that took longest:"
    yield from introduced(words, table(("kernel", "tensor cores", "layout", "fastest for"), rows))


def _name(name: str) -> str:
    told = short(name)
    return told if len(told) <= _MOST else f"{told[:_MOST]}…"
