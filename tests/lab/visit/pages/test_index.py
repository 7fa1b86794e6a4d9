"""The index of results."""

import json
import re
from pathlib import Path

from resnext_bench.lab.checkout import ROOT
from resnext_bench.lab.visit.pages.index import CAMPAIGN, index
from resnext_bench.reports.render.model import Code, Link, inline
from tests.lab.visit.pages.made_visit import made_results, small
from tests.lab.visit.pages.read import cells, paragraphs, row


def test_every_file_is_told_with_what_takes_it_again() -> None:
    folder = ROOT / "docs" / "results"
    page = list(index(folder, {}))
    for path in folder.glob("*.json"):
        _, what, hardware, taken, _, told_in, command = row(page, path.name)
        assert what in path.read_text().replace("\\n", " ")
        assert hardware != "–"
        assert re.fullmatch(r"\d{4}-\d\d-\d\d( to \d{4}-\d\d-\d\d)?", taken)
        assert ".md" in told_in
        assert "nox -s" in command


def test_the_campaign_has_these_names() -> None:
    text = (ROOT / "noxfile.py").read_text()
    every = re.findall(r'"(\w+)"', text.partition("CAMPAIGNS = (")[2].partition("@nox")[0])
    assert set(every) == set(CAMPAIGN)


def test_what_a_file_does_not_tell_is_not_made_up(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "new.json").write_text(json.dumps({"rows": [{"x": 1}]}))
    assert row(index(folder, {}), "new.json")[1:] == ["–"] * 6


def test_days_and_sessions_inside(tmp_path: Path) -> None:
    sessions = [{"date": f"2026-03-0{day}T00:00:00+00:00"} for day in (2, 1, 3)]
    (tmp_path / "a.json").write_text(json.dumps({"what": "x", "sessions": sessions}))
    found = row(index(tmp_path, {}), "a.json")
    assert found[3:5] == ["2026-03-01 to 2026-03-03", "3 sessions"]


def test_visits_of_gpus(tmp_path: Path) -> None:
    page = list(index(tmp_path, {"h100": made_results(), "cpu": small(made_results())}))
    (gpu,) = cells(page, "gpu/h100.json")
    assert gpu[0] == inline(Link("gpu/h100.json", to="gpu/h100.json"))
    assert gpu[2:] == (
        *("NVIDIA H100 80GB HBM3", "2026-03-01", "6 rounds"),
        *(inline(Link("gpu.md", to="gpu.md")), inline(Code("nox -s gpu"))),
    )
    assert "miniature" in row(page, "gpu/cpu.json")[1]
    assert row(page, "gpu/cpu.json")[-1] == "nox -s gpu -- --device cpu"
    assert "No GPU has been measured" not in paragraphs(page)
    assert "No GPU has been measured" in paragraphs(index(tmp_path, {}))
