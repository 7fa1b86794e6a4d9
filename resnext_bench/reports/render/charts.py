"""Charts: one grammar for pages, pictures and files (Vega-Lite through Altair)."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Final

import altair as alt

from resnext_bench.reports.schema.loaders import LoaderBench, LoaderRate, Setting
from resnext_bench.reports.store.files import writing

SUFFIXES: Final = (".html", ".svg", ".png")
FONT: Final = "Liberation Sans, Arial, sans-serif"
"""Fonts. The first comes with the renderer, so that text has the same width, and an image is the
same, on any machine; the others are for viewers."""
_KNOWN: Final = "isValid(datum.low) && isValid(datum.high)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A value with its interval."""

    group: str
    """Name by which marks are grouped, such as a model or a layer."""
    series: str
    """Name that is distinguished by colour."""
    value: float
    low: float | None = None
    high: float | None = None
    """Upper end of the interval; None where the error is not known."""
    panel: str = ""
    """Panel that holds the mark; panels are next to each other."""


def save(chart: Any, path: Path) -> None:
    """Write a chart; a page holds all that it needs, so that it opens without a network."""
    options = {"inline": True} if path.suffix == ".html" else {}
    with writing(path, "--chart"):
        chart.save(str(path), **options, **({"ppi": 144} if path.suffix == ".png" else {}))


def svg(chart: Any) -> str:
    """Return a chart as text that is the same wherever and however often it is made."""
    text = StringIO()
    chart.save(text, format="svg")
    return text.getvalue().rstrip() + "\n"


def bars(marks: Sequence[Mark], *, title: str, subtitle: str, unit: str, width: int = 480) -> Any:
    """Draw a bar for each mark, from zero, with its interval; groups are in the order given."""
    base, value = _grouped(marks), alt.X("value:Q", title=unit, scale=alt.Scale(zero=True))
    series = list(dict.fromkeys(mark.series for mark in marks))
    rows = base.mark_bar().encode(x=value, color=_color(series), opacity=_opacity())
    return _framed(alt.layer(rows, _intervals(base)), marks, title, subtitle, width)


def dots(
    marks: Sequence[Mark],
    *,
    title: str,
    subtitle: str,
    unit: str,
    reference: float | None = None,
    width: int = 200,
) -> Any:
    """Draw a dot for each mark on a logarithmic axis, with its interval; panels side by side.

    `reference` is a value to be drawn as a line.
    """
    scale = alt.Scale(type="log", nice=False, padding=12)
    base, value = _grouped(marks), alt.X("value:Q", title=unit, scale=scale)
    series = list(dict.fromkeys(mark.series for mark in marks))
    layers = [
        _intervals(base),
        base.mark_point(filled=True, size=45).encode(
            x=value, color=_color(series), opacity=_opacity()
        ),
    ]
    if reference is not None:
        line = alt.Chart(alt.InlineData(values=[{}])).mark_rule(strokeDash=[4, 3], color="#888")
        layers.insert(0, line.encode(x=alt.datum(reference)))
    return _framed(alt.layer(*layers), marks, title, subtitle, width)


def _grouped(marks: Sequence[Mark]) -> Any:
    """Return rows in which series are below each other."""
    groups, series = (
        list(dict.fromkeys(names))
        for names in ([mark.group for mark in marks], [mark.series for mark in marks])
    )
    return alt.Chart().encode(
        y=alt.Y(
            "group:N",
            title=None,
            sort=groups,
            # Marks that are no bars would have no room for an offset otherwise.
            scale=alt.Scale(type="band", paddingInner=0.25),
            axis=alt.Axis(labelLimit=260),
        ),
        yOffset=alt.YOffset("series:N", sort=series, scale=alt.Scale(type="band")),
    )


def _color(series: Sequence[str]) -> Any:
    return alt.Color("series:N", title=None, sort=list(series))


def _opacity() -> Any:
    """Return the opacity: a mark without an interval must not look like one with a narrow one."""
    return alt.condition(_KNOWN, alt.value(1.0), alt.value(0.4))


def _intervals(base: Any) -> Any:
    known = base.transform_filter(_KNOWN)
    return known.mark_rule(color="black", strokeWidth=1.5).encode(x="low:Q", x2="high:Q")


def _framed(layers: Any, marks: Sequence[Mark], title: str, subtitle: str, width: int) -> Any:
    """Add data, size and labels; there is a panel for each name where there are several."""
    panels = list(dict.fromkeys(mark.panel for mark in marks))
    rows = len({mark.group for mark in marks}) * len({mark.series for mark in marks})
    chart = layers.properties(
        data=alt.InlineData(values=[_values(mark) for mark in marks]),
        width=width,
        height=max(60, 16 * rows + 8 * len({mark.group for mark in marks})),
    )
    if len(panels) > 1:
        chart = chart.facet(column=alt.Column("panel:N", title=None, sort=panels))
    pale = "; pale: no interval" if any(mark.low is None for mark in marks) else ""
    words = alt.TitleParams(title, subtitle=subtitle + pale, anchor="start")
    return chart.properties(title=words).configure(font=FONT)


def _values(mark: Mark) -> dict[str, object]:
    """Return rounded values, so that a last digit that differs by machine changes no image."""
    ends = {"value": mark.value, "low": mark.low, "high": mark.high}
    rounded = {name: None if end is None else float(f"{end:.6g}") for name, end in ends.items()}
    return {"group": mark.group, "series": mark.series, "panel": mark.panel, **rounded}


def loader_chart(bench: LoaderBench) -> Any:
    """Draw images/s over threads: a line for each pipeline, with intervals, and knees ringed."""
    rows = [_row(rate, bench) for rate in bench.threads]
    threads = sorted({rate.setting.loader_threads for rate in bench.threads})
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X(
            "threads:Q",
            title="loader threads per rank",
            scale=alt.Scale(type="log", base=2, padding=24),
            axis=alt.Axis(values=threads),
        ),
        color=alt.Color("loader:N", title=None),
    )
    rate = alt.Y("rate:Q", title="images/s", scale=alt.Scale(zero=True))
    tooltip = ["loader:N", "threads:Q", "rate:Q", "low:Q", "high:Q", "cores:Q"]
    lines = base.mark_line().encode(y=rate)
    points = base.mark_point(filled=True, size=50).encode(y=rate, tooltip=tooltip)
    bars = base.mark_rule(strokeWidth=2).encode(y="low:Q", y2="high:Q")
    knees = (
        base.mark_point(size=250, strokeWidth=2).encode(y=rate).transform_filter("datum.is_knee")
    )
    return alt.layer(lines, bars, points, knees).properties(
        title=alt.TitleParams(
            f"Loaders alone: {bench.batch_size} x {bench.image_size} px per rank",
            subtitle=f"{bench.hardware}; {bench.confidence_percent:g} % intervals; ringed: the "
            "fewest threads with 95 % of the best rate",
            anchor="start",
        ),
        width=520,
        height=320,
    )


def _row(rate: LoaderRate, bench: LoaderBench) -> dict[str, object]:
    setting = rate.setting
    return {
        "loader": label(setting),
        "threads": setting.loader_threads,
        "rate": round(rate.images_per_s.value, 1),
        "low": round(rate.images_per_s.low, 1),
        "high": round(rate.images_per_s.high, 1),
        "cores": rate.cores,
        "is_knee": any(knee.is_inside and knee.setting == setting for knee in bench.knees),
    }


def label(setting: Setting) -> str:
    """Name a pipeline and where it decodes."""
    return f"{setting.pipeline}, decode {setting.decode}"
