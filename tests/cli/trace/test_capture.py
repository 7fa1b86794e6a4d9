"""`trace report --capture` as typed."""

import json
from pathlib import Path

import pytest

from tests.cli.typed import Typed
from tests.reports.trace.graphs.made_graphs import BLOCK, Program

BLOCKS = (BLOCK,) * 4


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    monkeypatch.setenv("COLUMNS", "160")
    return Typed(monkeypatch, capsys, "trace")


@pytest.fixture
def replays(tmp_path: Path) -> Path:
    return Program().stepped(BLOCKS, BLOCKS).made.write(tmp_path, "replays.pt.trace.json")


def eager(folder: Path, name: str = "eager.pt.trace.json") -> Path:
    folder.mkdir(exist_ok=True)
    return Program().eager(*BLOCKS).made.write(folder, name)


def test_another_trace_tells_what_graphs_compute(
    typed: Typed, replays: Path, tmp_path: Path
) -> None:
    code, out, err = typed("report", replays)
    assert (code, err) == (0, "")
    assert "2 replays of CUDA graphs without operators, shapes and modules: the trace has" in out
    capture = eager(tmp_path / "other")
    code, out, err = typed("report", replays, "--capture", capture)
    assert (code, err) == (0, "")
    assert "2 replays, 100.0 % of their time to an operator" in out
    assert "64@14 → 64" in out
    assert "layer4" in out
    told = json.loads(typed("report", replays, "--capture", capture, "--json")[1])
    assert [one["file"] for one in told["graphs"]["sources"]] == [str(capture)]
    assert told["graphs"]["told_ns"] == told["graphs"]["total_ns"] == 120_000


def test_of_several_that_of_the_same_rank(typed: Typed, tmp_path: Path) -> None:
    program = Program().stepped(BLOCKS, BLOCKS)
    mine = program.made.write(tmp_path, "rank1.pt.trace.json")
    folder = tmp_path / "others"
    eager(folder, "rank0.pt.trace.json")
    capture = eager(folder, "rank1.pt.trace.json")
    told = json.loads(typed("report", mine, "--capture", folder, "--json")[1])
    assert [one["file"] for one in told["graphs"]["sources"]] == [str(capture)]
    other = program.made.write(tmp_path, "rank2.pt.trace.json")
    code, out, err = typed("report", other, "--capture", folder)
    assert (code, out) == (2, "")
    assert f"--capture {folder}: 0 of 2 traces go with rank 2; name the one that does" in err


def test_a_trace_without_replays_needs_none(typed: Typed, tmp_path: Path) -> None:
    path = eager(tmp_path / "eager")
    code, out, err = typed("report", path, "--capture", path)
    assert (code, out) == (2, "")
    assert "the trace that is reported on replays no CUDA graph; leave it out" in err


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "the file is empty (0 bytes)"), ("{}", "not a trace")],
)
def test_one_that_cannot_be_read(
    typed: Typed, replays: Path, tmp_path: Path, text: str, told: str
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(text)
    code, out, err = typed("report", replays, "--capture", broken)
    assert (code, out) == (2, "")
    assert f"--capture: {broken}: " in err
    assert told in err


def test_one_that_is_not_there(typed: Typed, replays: Path) -> None:
    code, out, err = typed("report", replays, "--capture", "nowhere.json")
    assert (code, out) == (2, "")
    assert "nowhere.json: there is no such file or folder" in err
