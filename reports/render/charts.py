"""Charts: one grammar for pages, pictures and files (Vega-Lite through Altair)."""

from pathlib import Path
from typing import Any, Final

import altair as alt

from reports.loaders import LoaderBench, LoaderRate, Setting

SUFFIXES: Final = (".html", ".svg", ".png")


def save(chart: Any, path: Path) -> None:
    """Write a chart; a page holds all that it needs, so that it opens without a network."""
    options = {"inline": True} if path.suffix == ".html" else {}
    chart.save(str(path), **options, **({"ppi": 144} if path.suffix == ".png" else {}))


def loader_chart(bench: LoaderBench) -> Any:
    """Images/s over threads, a line for each pipeline, with intervals, and knees ringed."""
    rows = [_row(rate, bench) for rate in bench.threads]
    threads = sorted({rate.setting.loader_threads for rate in bench.threads})
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X(
            "threads:Q",
            title="loader threads of a rank",
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
            f"Loaders alone: {bench.batch_size} x {bench.image_size} px a rank",
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
    """A pipeline and where it decodes."""
    return f"{setting.pipeline}, decode {setting.decode}"
