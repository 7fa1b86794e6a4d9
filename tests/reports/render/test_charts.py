"""Charts of values with intervals."""

from typing import Any

import pytest

from resnext_bench.reports.render.charts import Mark, bars, dots, svg

MARKS = (
    Mark(group="one", series="x", value=2.0, low=1.9, high=2.1),
    Mark(group="one", series="y", value=3.0),
    Mark(group="two", series="x", value=4.00000001, low=3.5, high=4.5),
)
WORDS = {"title": "A title", "subtitle": "of made values", "unit": "images/s"}


def rows(chart: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = max(chart.to_dict()["datasets"].values(), key=len)
    return found


@pytest.mark.parametrize("make", [bars, dots])
def test_every_mark_is_there(make: Any) -> None:
    found = rows(make(MARKS, **WORDS))
    assert [(one["group"], one["series"], one["value"]) for one in found] == [
        *(("one", "x", 2.0), ("one", "y", 3.0), ("two", "x", 4.0))
    ]
    assert (found[0]["low"], found[1]["low"]) == (1.9, None)


@pytest.mark.parametrize("make", [bars, dots])
def test_a_picture_is_the_same_each_time(make: Any) -> None:
    first, second = (svg(make(MARKS, **WORDS)) for _ in range(2))
    assert first == second
    assert first.startswith("<svg")
    for word in ("A title", "of made values", "images/s", ">one<", ">two<"):
        assert word in first


@pytest.mark.parametrize("make", [bars, dots])
def test_a_mark_without_an_interval_is_pale_and_said_to_be(make: Any) -> None:
    text = svg(make(MARKS, **WORDS))
    assert "pale: no interval" in text
    assert text.count('opacity="0.4"') == 1
    assert "pale" not in svg(make(MARKS[:1], **WORDS))


def test_bars_begin_at_zero() -> None:
    text = svg(bars(MARKS, **WORDS))
    assert ">0<" in text.replace(">0.0<", ">0<")


def test_panels_share_their_axis_and_a_reference_is_drawn() -> None:
    panels = [
        Mark(group="g", series="s", value=value, panel=panel)
        for panel, value in (("left", 2.0), ("right", 5.0))
    ]
    text = svg(dots(panels, reference=1.0, **WORDS))
    assert ">left<" in text
    assert ">right<" in text
    assert text.count('stroke-dasharray="4,3"') == 2
