"""Charts of a result: images/s by setting, and grouped convolutions over their floors."""

from collections.abc import Iterator
from typing import Any

from resnext_bench.lab.visit.pages.contests import reached
from resnext_bench.lab.visit.pages.figures import Figure
from resnext_bench.lab.visit.pages.layers import Layer, cells, layers
from resnext_bench.lab.visit.pages.roofs import Roofs
from resnext_bench.lab.visit.results import Results


def pictures(results: Results) -> dict[str, str]:
    """Return SVG by what it shows, `training` and `convs`, where there are figures for it."""
    made = {"training": _training(results), "convs": _convs(results)}
    return {name: picture for name, picture in made.items() if picture}


def _where(results: Results) -> str:
    """Return the device, the day, and how far it can be relied on."""
    small = " (miniature: says nothing of GPUs)" if results.facts.is_miniature else ""
    return (
        f"{results.facts.device}{small}, {results.date}; {100 * results.confidence:g} % intervals"
    )


def _training(results: Results) -> str:
    """Return a chart of every model and batch by type and layout, eager."""
    found = list(reached(results))
    if not found:
        return ""
    from resnext_bench.reports.render.charts import Mark, bars, svg

    marks = [
        Mark(
            group=f"{one.model}, batch {one.batch}",
            series=one.typed,
            value=one.rate.estimate,
            **_ends(one.rate),
        )
        for one in found
    ]
    title = f"Training, {' and '.join(map(str, sorted({one.size for one in found})))} px"
    return svg(bars(marks, title=title, subtitle=_where(results), unit="images/s"))


def _convs(results: Results) -> str:
    """Return a chart of the first type that was measured."""
    found, bandwidth = layers(results), Roofs.of(results).bytes_per_s
    points = [
        point
        for layer in found
        if layer.typed == found[0].typed
        for point in _points(layer, bandwidth)
    ]
    if not points:
        return ""
    from resnext_bench.reports.render.charts import Mark, dots, svg

    marks = [
        Mark(group=group, panel=panel, series=series, value=over.estimate, **_ends(over))
        for group, panel, series, over in points
    ]
    return svg(
        dots(
            marks,
            title=f"Grouped convolutions in {found[0].typed}: time over the memory floor",
            subtitle=f"{_where(results)}; fastest choice of each layout; dashed: the floor",
            unit="times the floor",
            reference=1.0,
        )
    )


_Point = tuple[str, str, str, Figure]


def _ends(found: Figure) -> dict[str, Any]:
    """Return the ends of an interval, if they say something."""
    return dict(zip(("low", "high"), found.ends, strict=True)) if found.ends else {}


def _points(layer: Layer, bandwidth: float | None) -> Iterator[_Point]:
    """Yield layer, direction, layout, and the time over the floor with its interval."""
    for direction, layout, best in cells(layer):
        seconds, floor = layer.seconds(best), layer.floor_s(direction, bandwidth)
        if seconds and floor:
            over = seconds.times(1 / floor)
            yield layer.name, direction, layout, over
