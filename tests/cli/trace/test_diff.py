"""`trace diff` as it is typed."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from resnext_bench.reports.schema.trace import schema
from resnext_bench.reports.schema.trace_diff import TraceDiff
from tests.cli.typed import Typed
from tests.reports.trace.differences.programs import NET, adds_up, changed, program


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    monkeypatch.setenv("COLUMNS", "80")
    return Typed(monkeypatch, capsys, "trace", "diff")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """The second is slower by 10 us of 275."""
    slow = changed(NET, "block.conv1", us=70.0)
    return program(NET).write(tmp_path, "a.json"), program(slow).write(tmp_path, "b.json")


def test_exit_codes(typed: Typed, pair: tuple[Path, Path]) -> None:
    a, b = pair
    assert typed(a, b)[0] == 1
    assert typed(b, a)[0] == 0
    assert typed(a, a)[0] == 0
    assert typed(a, b, "--margin", "5")[0] == 0
    code, _, err = typed(a, b, "--margin", "99")
    assert (code, "--margin 99: a number from 0.01 to 50" in err) == (2, True)


def test_on_a_screen_of_80_columns(typed: Typed, pair: tuple[Path, Path]) -> None:
    _, out, err = typed(*pair)
    assert err == ""
    files = ("a: ", "b: ")  # are not wrapped, so that they can be copied
    assert all(len(line) <= 80 for line in out.splitlines() if not line.startswith(files))
    assert "A step of b is slower: 0.276 → 0.286 ms, +0.010 ms" in out
    assert "beyond the margin" in out
    assert "block.conv1" in out


def test_itself(typed: Typed, pair: tuple[Path, Path]) -> None:
    code, out, _ = typed(pair[0], pair[0])
    assert code == 0
    assert out.startswith("No difference: a step of both lasts 0.276 ms")
    assert "b - a" not in out


def test_as_json(typed: Typed, pair: tuple[Path, Path]) -> None:
    _, out, _ = typed(*pair, "--json")
    jsonschema.validate(json.loads(out), schema())
    found = msgspec.json.decode(out, type=TraceDiff)
    adds_up(found)
    assert (found.rows[0].delta_ns, found.is_beyond, found.margin_percent) == (10_000, True, 2)


def test_as_markdown(typed: Typed, pair: tuple[Path, Path]) -> None:
    code, out, _ = typed(*pair, "--markdown")
    assert code == 1
    assert "| b - a | a | b | outcome |" in out


def ranked(folder: Path, us: dict[int, float], world: int = 2) -> Path:
    """A folder with a trace for each rank, whose first layer takes so long."""
    folder.mkdir()
    for rank, time in us.items():
        header = {"distributedInfo": {"backend": "nccl", "rank": rank, "world_size": world}}
        made = program(changed(NET, "stem", us=time), header=header)
        made.write(folder, f"rank{rank}.pt.trace.json")
    return folder


def test_of_several_ranks(typed: Typed, tmp_path: Path) -> None:
    """The rank whose step is the longest on either side, not the longest of each."""
    a, b = ranked(tmp_path / "a", {0: 140, 1: 100}), ranked(tmp_path / "b", {0: 120, 1: 190})
    code, out, _ = typed(a, b, "--json")
    found = msgspec.json.decode(out, type=TraceDiff)
    assert (code, found.a.rank, found.b.rank, found.delta_ns) == (1, 1, 1, 90_000)
    assert [(one.rank, one.delta_ns) for one in found.ranks] == [(0, -20_000), (1, 90_000)]
    assert typed(a, b, "--rank", "0")[0] == 0
    assert "2 ranks that both have" in typed(a, b)[1]
    code, _, err = typed(a, b, "--rank", "7")
    assert (code, "not both sides have a trace of that rank; both have 0, 1" in err) == (2, True)


def test_of_another_number_of_ranks(typed: Typed, tmp_path: Path) -> None:
    a = ranked(tmp_path / "a", {0: 100, 1: 140})
    b = ranked(tmp_path / "b", {0: 100, 2: 150}, world=4)
    _, out, _ = typed(a, b)
    told = " ".join(out.split())
    assert "not as many ranks trained: 2 and 4" in told
    assert "rank 0" in told


def test_a_file_that_cannot_be_read(typed: Typed, tmp_path: Path, pair: tuple[Path, Path]) -> None:
    b = ranked(tmp_path / "b", {0: 100})
    (b / "rank1.pt.trace.json").write_text('{"traceEvents"')
    code, out, err = typed(pair[0], b)
    assert (code, out) == (2, "")
    assert "rank1.pt.trace.json: not a trace" in err
    assert err.endswith("; --keep-going leaves it out\n")
    code, out, _ = typed(pair[0], b, "--keep-going")
    assert code == 1
    assert "b: " in out
    assert "not a trace" in " ".join(out.split())
    code, _, err = typed(pair[0], tmp_path / "nothing.json")
    assert (code, "there is no such file" in err) == (2, True)


def test_steps_that_cannot_be_paired(typed: Typed, tmp_path: Path) -> None:
    a = program(NET, 3).write(tmp_path, "a.json")
    b = program(NET, 5, numbers=range(7, 12)).write(tmp_path, "b.json")
    code, _, err = typed(a, b, "--paired")
    assert code == 2
    assert "--paired: a has steps 0 to 2 and b steps 7 to 11, so that no step has a part" in err


def test_steps_without_a_partner(typed: Typed, tmp_path: Path) -> None:
    a, b = (program(NET, steps).write(tmp_path, f"{steps}.json") for steps in (3, 5))
    code, out, _ = typed(a, b, "--paired")
    assert code == 0
    told = " ".join(out.split())
    assert "without a partner of the same number do not count: 0 of a and 2 of b" in told
    assert "a CPU" not in told
    assert "3 steps of" in told
    assert "5 steps of" not in told


def test_a_number_of_ranks_that_is_not_recorded_is_not_one(typed: Typed, tmp_path: Path) -> None:
    alone = program(NET).write(tmp_path, "alone.json")
    told = " ".join(typed(alone, ranked(tmp_path / "b", {0: 100, 1: 100}))[1].split())
    assert "not as many ranks trained" not in told
    assert "a does not record how many ranks trained: in b 2 did" in told
