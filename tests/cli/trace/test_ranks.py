"""`trace ranks` as it is typed: which files it takes, what it says, what it refuses."""

import json
from pathlib import Path

import pytest

from tests.cli.typed import Typed
from tests.reports.trace.ranks.made_ranks import Plan, made_ranks


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    monkeypatch.setenv("COLUMNS", "80")
    return Typed(monkeypatch, capsys, "trace")


def write(folder: Path, plan: Plan, name: str = "rank{}.pt.trace.json") -> list[Path]:
    return [one.write(folder, name.format(at)) for at, one in enumerate(made_ranks(plan))]


def test_a_slow_rank_is_said_first(typed: Typed, tmp_path: Path) -> None:
    write(tmp_path, Plan(slow=2, factor=1.2, by="loading", ahead_ms={3: 50.0}))
    code, out, err = typed("ranks", tmp_path)
    told = " ".join(out.split())
    assert (code, err) == (0, "")
    assert told.startswith("rank 2 is slow: by itself it needs 0.595 ms more per step")
    assert "of them by waiting for batches; see its loader" in told
    assert "4 ranks, ms per step (mean of 10 steps that all have)" in out
    assert "a rank stands out in 10 of 10 steps" in out
    assert "the clock of rank 3 is 50.0 ms ahead of that of most others; corrected" in told
    assert "rank 2: 10 of 10" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_nobody_is_slow(typed: Typed, tmp_path: Path) -> None:
    write(tmp_path, Plan())
    code, out, _ = typed("ranks", tmp_path)
    assert code == 0
    assert out.startswith("no rank is slower than the others by more than its steps scatter")
    assert "stands out" not in out


def test_files_that_are_named(typed: Typed, tmp_path: Path) -> None:
    paths = write(tmp_path, Plan(ranks=4))
    _, out, _ = typed("ranks", *paths[:3], paths[0])
    assert "3 ranks, ms per step" in out
    assert "traces of 1 of 4 ranks are missing: 3" in out


def test_as_json_with_the_words_of_facts(typed: Typed, tmp_path: Path) -> None:
    write(tmp_path, Plan(ranks=3, slow=0, factor=2.0))
    (tmp_path / "rank2.pt.trace.json").unlink()
    code, out, _ = typed("ranks", tmp_path, "--json")
    told = json.loads(out)
    assert (code, told["kind"], told["missing"]) == (0, "ranks", [2])
    assert [one["cause"] for one in told["stragglers"]] == ["compute"]
    assert told["warnings"] == ["traces of 1 of 3 ranks are missing: 2"]
    assert sum(told["ranks"][0]["parts"].values()) == pytest.approx(told["ranks"][0]["own_ns"], 5)


def test_as_markdown(typed: Typed, tmp_path: Path) -> None:
    write(tmp_path, Plan(slow=1, factor=1.2))
    _, out, _ = typed("ranks", tmp_path, "--markdown")
    assert "rank 1 is slow" in out
    assert "| rank |" in out


def test_tables_are_cut(typed: Typed, tmp_path: Path) -> None:
    write(tmp_path, Plan(slow=1, factor=1.5))
    _, out, _ = typed("ranks", tmp_path, "--top", "3")
    assert "a rank stands out in 10 of 10 steps, the first 3" in " ".join(out.split())


def test_runs_in_one_folder_are_not_joined(typed: Typed, tmp_path: Path) -> None:
    write(tmp_path, Plan(ranks=2), "a-rank{}.json")
    later = Plan(ranks=2, ahead_ms=dict.fromkeys(range(2), 9e7), slow=0, factor=2.0)
    write(tmp_path, later, "b-rank{}.json")
    _, out, _ = typed("ranks", tmp_path)
    told = " ".join(out.split())
    assert "rank 0 is slow" in told
    assert "recorded at another time, or by other processes): a-rank0.json, a-rank1.json" in told


@pytest.mark.parametrize("number", ["0", "x"])
def test_odd_numbers_of_rows(typed: Typed, tmp_path: Path, number: str) -> None:
    code, _, err = typed("ranks", tmp_path, "--top", number)
    assert code == 2
    assert "--top" in err


def test_one_trace_is_refused(typed: Typed, tmp_path: Path) -> None:
    (path, _) = write(tmp_path, Plan(ranks=2))
    code, out, err = typed("ranks", path)
    assert (code, out) == (2, "")
    assert "one trace; name several, a folder or an archive of traces, or a run to compare" in err


def test_a_folder_with_one_rank_that_can_be_read(typed: Typed, tmp_path: Path) -> None:
    _, broken = write(tmp_path, Plan(ranks=2))
    broken.write_text('{"traceEvents"')
    code, out, err = typed("ranks", tmp_path, "--keep-going")
    assert (code, out) == (2, "")
    assert "at least two ranks are needed" in err
    assert "rank1.pt.trace.json: not a trace" in err


def test_a_trace_that_is_cut_is_told(typed: Typed, tmp_path: Path) -> None:
    _, cut, _ = write(tmp_path, Plan(ranks=3))
    text = cut.read_text()
    cut.write_text(text[: len(text) * 17 // 20])
    code, out, _ = typed("ranks", tmp_path)
    assert code == 0
    assert "warning rank 1: the file ends within its events" in " ".join(out.split())
    told = json.loads(typed("ranks", tmp_path, "--json")[1])
    (one,) = told["traces"]
    assert (one["rank"], one["facts"][0]["kind"]) == (1, "events_cut")
    assert any(text.startswith("rank 1: the file ends") for text in told["warnings"])
    _, out, _ = typed("report", tmp_path)
    assert "warning rank 1: the file ends within its events" in " ".join(out.split())
