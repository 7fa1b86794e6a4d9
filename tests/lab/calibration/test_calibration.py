"""A quick calibration: no promise is contradicted, and a broken one would be."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from resnext_bench.lab.calibration.__main__ import figures_of, main
from resnext_bench.lab.calibration.cases import CASES
from resnext_bench.lab.calibration.duets import PROFILES, duets
from resnext_bench.lab.calibration.figures import mean, rate
from resnext_bench.lab.calibration.table import table
from resnext_bench.lab.checkout import DOCS
from resnext_bench.lab.kept import read_result
from resnext_bench.reports.stats.effects import t_interval

N = 200


LONG = {
    *("slow-steps-as-long-as-needed", "no-change", "more-blocks"),
    *("trends", "trends-of-more-blocks"),
}
"""Cases of seconds, each beside a shorter one of its kind."""


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.slow if case in LONG else ()) for case in CASES],
)
def test_no_promise_is_contradicted(case: str) -> None:
    found = figures_of(case, N)
    assert found
    assert [figure for figure in found if figure.outcome == "missed"] == []


def test_a_look_after_every_session_would_be_noticed() -> None:
    effects = duets(PROFILES["shared"], 400, 26, np.random.default_rng(0)).middle
    peeked = [
        any(t_interval(row[:count], 0.99).excludes_zero for count in range(4, 27))
        for row in effects
    ]
    assert rate("naive", peeked, most=1.0).outcome == "missed"


def test_long_cases_are_cases() -> None:
    assert set(CASES) > LONG


def test_outcomes_by_hand() -> None:
    hits = np.arange(1000) < 10  # 1 %, 0.48 to 1.83
    assert rate("", hits).outcome == "no goal"
    assert rate("", hits, most=2.0).outcome == "shown"
    assert rate("", hits, most=1.0).outcome == "open"
    assert rate("", hits, most=0.4).outcome == "missed"
    assert rate("", hits, least=0.9).outcome == "open"
    assert rate("", hits, least=2.0, most=3.0).outcome == "missed"
    assert (round(rate("", hits).low, 2), round(rate("", hits).high, 2)) == (0.48, 1.83)
    assert mean("", np.full(10, 0.001), within=0.2).outcome == "shown"
    assert mean("", np.full(10, -0.003), within=0.2).outcome == "missed"


def test_the_page_shows_the_stored_figures() -> None:
    kept = read_result("calibration")
    assert set(kept["cases"]) == set(CASES)
    assert table(kept) in (DOCS / "verdicts.md").read_text()
    rows = [row for case in kept["cases"].values() for row in case["figures"]]
    assert [row for row in rows if row["outcome"] == "missed"] == []


def test_a_missed_goal_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CASES, "large", lambda n, rng: [rate("", np.ones(n, dtype=bool), most=1)])
    monkeypatch.setattr(sys, "argv", ["calibration", "--n", "9", "--only", "large"])
    assert main() == 1


def test_a_calibration_that_was_cut_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "calibration.json"
    command = ["calibration", "--n", "50", "--json", str(file), "--only"]
    monkeypatch.setattr(sys, "argv", [*command, "large"])
    assert main() == 0
    first = json.loads(file.read_text())
    assert list(first["cases"]) == ["large"]
    assert {"date", "hardware", "versions", "seed", "n"} <= first.keys()
    monkeypatch.setattr(sys, "argv", [*command, "large", "--only", "two-per-cent"])
    assert main() == 0
    second = json.loads(file.read_text())
    assert list(second["cases"]) == ["large", "two-per-cent"]
    assert second["cases"]["large"] == first["cases"]["large"]
    assert "told after 4 sessions" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["calibration", "--n", "51", "--json", str(file)])
    with pytest.raises(SystemExit, match="other conditions"):
        main()
