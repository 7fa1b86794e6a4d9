"""`trace repro` as it is typed."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from resnext_bench.reports.schema.trace_repro import ReproCalls
from tests.cli.typed import Typed
from tests.reports.trace.made import Made
from tests.reports.trace.repro.running import t
from tests.reports.trace.repro.test_calls import made, recorded


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    monkeypatch.setenv("COLUMNS", "80")
    return Typed(monkeypatch, capsys, "trace", "repro")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return made().write(tmp_path)


def test_the_list_on_a_screen_of_80_columns(typed: Typed, path: Path) -> None:
    code, out, err = typed(path)
    assert (code, err) == (0, "")
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "calls on NVIDIA H200" in out
    row = next(line for line in out.splitlines() if "record_param_comms" in line)
    assert "no: collective" in row
    assert "0.003 ms more are of no operator" in out
    assert "the first 2 of 6" in typed(path, "--top", "2")[1]
    assert "| N | ms |" in typed(path, "--markdown")[1]


def test_as_json(typed: Typed, path: Path) -> None:
    code, out, _ = typed(path, "--json")
    found = msgspec.json.decode(out, type=ReproCalls)
    assert (code, [one.number for one in found.calls]) == (0, [1, 2, 3, 4, 5, 6])
    jsonschema.validate(json.loads(out), msgspec.json.schema(ReproCalls))


def test_the_script_goes_to_a_file_or_the_screen(typed: Typed, path: Path, tmp_path: Path) -> None:
    to = tmp_path / "repro.py"
    code, out, err = typed(path, "--operator", "3", "--output", to)
    assert (code, out, err) == (0, "", f"{to}: run it with python {to}\n")
    assert typed(path, "--operator", "3")[1] == to.read_text()
    assert "torch.ops.aten.mm.default" in to.read_text()
    assert "resnext" not in to.read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--operator", "2"), "record_param_comms: it talks to other ranks"),
        (("--operator", "7"), "--operator 7: the trace has 1 to 6"),
        (("--operator", "0"), "--operator 0: a whole number of at least 1"),
        (("--output", "x.py"), "choose one by --operator N"),
        (("--operator", "3", "--json"), "leave out --operator"),
        (("--operator", "3", "--top", "3"), "leave out --operator"),
        (("--rank", "7"), "--rank 7: no trace of that rank"),
    ],
)
def test_what_is_refused(typed: Typed, path: Path, words: tuple[str, ...], told: str) -> None:
    code, out, err = typed(path, *words)
    assert (code, out) == (2, "")
    assert told in " ".join(err.split())


def test_without_shapes_it_says_how_to_record_them(typed: Typed, tmp_path: Path) -> None:
    trace = Made().step(1, 0, 100).op("aten::relu", 10, 20).kernel("k", 15, 5).write(tmp_path)
    assert "record_shapes=True" in typed(trace)[1]
    code, _, err = typed(trace, "--operator", "1")
    assert (code, "shapes are not recorded" in err, "record_shapes=True" in err) == (2, True, True)


def test_of_several_ranks_the_first_or_the_one_that_is_named(typed: Typed, tmp_path: Path) -> None:
    for rank, size in ((0, 4), (1, 8)):
        header = {"distributedInfo": {"rank": rank, "world_size": 2, "backend": "nccl"}}
        trace = Made(header={"schemaVersion": 1, **header}).step(1, 0, 100)
        trace.op("aten::relu", 10, 20, **recorded(t(size))).kernel("k", 15, 5)
        trace.write(tmp_path, f"rank{rank}.pt.trace.json")
    code, out, err = typed(tmp_path, "--operator", "1")
    assert (code, "(4,), (1,)" in out) == (0, True)
    assert "taken of 2 traces; choose another one by --rank" in " ".join(err.split())
    code, out, err = typed(tmp_path, "--operator", "1", "--rank", "1")
    assert (code, "(8,), (1,)" in out, err) == (0, True, "")
    assert "there are 0, 1" in typed(tmp_path, "--rank", "5")[2]


def test_names_of_a_trace_do_not_reach_the_terminal(typed: Typed, tmp_path: Path) -> None:
    trace = Made().step(1, 0, 100)
    trace.op("evil\x1b[2J\n::op", 10, 20, **recorded(t(4))).kernel("k\x1b[2J", 15, 5)
    trace.op("aten::relu", 40, 20, **recorded(t(4, kind="\x1b[2J"))).kernel("k", 45, 4)
    path = trace.write(tmp_path)
    for words in ((), ("--operator", "1"), ("--operator", "2"), ("--markdown",)):
        _, out, err = typed(path, *words)
        assert "\x1b" not in out + err


def test_numbers_without_operators(typed: Typed, tmp_path: Path) -> None:
    path = Made().step(1, 0, 100).kernel("k", 15, 5).write(tmp_path)
    code, out, _ = typed(path)
    assert (code, "no operator of this trace computes" in out) == (0, True)
    assert typed(path, "--operator", "1")[0] == 2
