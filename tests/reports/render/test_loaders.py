"""A sweep of loaders on the terminal and as a chart."""

from pathlib import Path

import pytest

from resnext_bench.reports.render.charts import loader_chart, save
from resnext_bench.reports.render.loaders import sections
from tests.reports.drawn import drawn
from tests.reports.made_loaders import made_bench


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_sweep_is_told_with_its_knees(width: int) -> None:
    lines = drawn(sections(made_bench()), width)
    text = " ".join(" ".join(lines).split())
    (row,) = (line for line in lines if line.startswith("dali cpu  ") and " 1,900 " in line)
    assert row.split()[2] == "4"
    assert row.endswith(" knee")
    assert sum("knee" in line.split()[-1:] for line in lines) == 1, "the other lies beyond"
    assert "dali, decode cpu: 4 threads of a rank reach 97 % of the best rate." in text
    assert "torchvision, decode cpu: no knee up to 8 threads; a rank has 16 cores" in text
    assert "dali cpu x4 1 1,900" in text
    assert "note settings took turns in 2 groups" in text
    assert "INVALID" not in text


def test_doubts_are_told() -> None:
    text = " ".join(drawn(sections(made_bench(invalid=("38 % were lost",))), 80))
    assert text.startswith("INVALID: 38 % were lost Loaders alone on "), "first"
    more = drawn(sections(made_bench(invalid=("38 % were lost", "the other"))), 80)
    assert more[0] == "INVALID: 38 % were lost; 1 more below"
    assert "INVALID the other" in more


def test_a_chart_shows_every_rate_and_rings_the_knee_inside() -> None:
    chart = loader_chart(made_bench()).to_dict()
    (rows,) = chart["datasets"].values()
    assert len(rows) == 8
    assert [(row["loader"], row["threads"]) for row in rows if row["is_knee"]] == [
        ("dali, decode cpu", 4)
    ]
    assert all(row["low"] <= row["rate"] <= row["high"] for row in rows)


@pytest.mark.parametrize(
    ("suffix", "begin"), [(".png", b"\x89PNG"), (".svg", b"<svg"), (".html", b"<!DOCTYPE html>")]
)
def test_a_chart_as_a_file(suffix: str, begin: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"chart{suffix}"
    save(loader_chart(made_bench()), path)
    content = path.read_bytes()
    assert content.lstrip().startswith(begin)
    if suffix == ".html":
        assert b'<script src="http' not in content, "it opens without a network"
