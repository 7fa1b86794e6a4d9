"""The commands of `trace` as typed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from resnext_bench.reports.schema.samples import Profiled
from resnext_bench.reports.store import runs
from tests.cli.typed import Typed
from tests.reports.made_results import made_record
from tests.reports.render.trace.test_layers import network
from tests.reports.trace.made import Made

GEMM = "ampere_sgemm_128x64_nn"


def made(rank: int = 0, world: int = 1) -> Made:
    made = Made(header={"distributedInfo": {"backend": "nccl", "rank": rank, "world_size": world}})
    for number in range(3):
        made.step(number, number * 100, 100)
        made.kernel(GEMM, number * 100 + 10, 50.5 + rank)
        made.kernel("ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)", number * 100 + 70, 20 + rank)
    return made


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    monkeypatch.setenv("COLUMNS", "160")
    return Typed(monkeypatch, capsys, "trace")


def test_one_trace(typed: Typed, tmp_path: Path) -> None:
    code, out, err = typed("report", made().write(tmp_path), "--top", "1")
    assert (code, err) == (0, "")
    for word in ("where a step goes", "exposed communication", "idle by cause", "the first 1 of 2"):
        assert word in out
    assert "ranks, ms per step" not in out


def test_a_range(typed: Typed, tmp_path: Path) -> None:
    trace = made().write(tmp_path)
    code, out, err = typed("report", trace, "--from", "0.02", "--to", "0.1205")
    assert (code, err) == (0, "")
    assert out.startswith("in the range from 0.02 to 0.1205 ms the device ")
    assert "per step" not in out.partition("where the time in the range goes")[2]
    told = json.loads(typed("report", trace, "--from", "0.1", "--json")[1])
    assert told["trust"]["steps_from"] == {
        "kind": "range",
        "name": None,
        "launches": None,
        "from_ns": 100_000,
        "to_ns": 300_000,
    }
    assert told["steps"]["step_ns"] == [200_000]


def test_json_alone(typed: Typed, tmp_path: Path) -> None:
    code, out, err = typed("report", made().write(tmp_path), "--json")
    told = json.loads(out)
    assert (code, err, told["kind"], told["rank"]) == (0, "", "trace", 0)
    assert len(told["kernels"]) == 2


def test_modules(typed: Typed, tmp_path: Path) -> None:
    trace = network().made.write(tmp_path)
    assert "by module" in typed("report", trace)[1]
    assert "by module" not in typed("report", trace, "--no-layers")[1]
    code, out, _ = typed("report", trace, "--module", "layer1.*", "--depth", "3")
    assert code == 0
    assert "layer1.0.conv1" in out
    assert "layer2.0.conv1" not in out
    told = json.loads(typed("report", trace, "--json", "--module", "layer1.*")[1])
    assert {row["name"] for row in told["layers"]["rows"]} > {"layer1.0", "layer2.0", "stem"}
    code, out, err = typed("report", trace, "--module", "layer9")
    assert (code, out) == (2, "")
    assert "--module layer9: fits no module; there are stem, layer1" in err


def test_an_invalid_run_says_so_first(typed: Typed, tmp_path: Path) -> None:
    trace = made().write(tmp_path)
    one = Profiled(rank=0, host="", trace=str(trace), size=2, steps=3, step_ms=5.0)
    record = made_record(status="invalid", why="31 % were lost", profiled=(one,))
    (tmp_path / record.id).mkdir()
    runs.save(tmp_path / record.id, record)
    code, out, _ = typed("report", "last", "--output", tmp_path)
    assert (code, out.splitlines()[0]) == (0, "INVALID: 31 % were lost")
    told = json.loads(typed("report", "last", "--output", tmp_path, "--json")[1])
    assert told["warnings"][0] == "INVALID: 31 % were lost"


def test_ranks_of_a_folder(typed: Typed, tmp_path: Path) -> None:
    for rank in range(2):
        made(rank, 3).write(tmp_path, f"rank{rank}.pt.trace.json.gz")
    (tmp_path / "rank2.pt.trace.json.gz").write_bytes(b"")
    code, out, err = typed("report", tmp_path)
    assert (code, out) == (2, "")
    assert "rank2.pt.trace.json.gz: the file is empty (0 bytes); --keep-going leaves it out" in err
    code, out, _ = typed("report", tmp_path, "--keep-going")
    assert code == 1
    assert "2 ranks, ms per step" in out
    assert "last to arrive" in out
    assert "the file is empty (0 bytes)" in out
    assert "traces of 1 of 3 ranks are missing: 2" in out
    assert "rank 1 of 3" in out, "the slowest is told in full"
    assert "rank 0 of 3" in typed("report", tmp_path, "--rank", "0", "--keep-going")[1]
    told = json.loads(typed("report", tmp_path, "--json", "--keep-going")[1])
    assert [one["values"]["of"] for one in told["facts"] if "of" in one["values"]] == ["empty"]
    assert (told["kind"], told["missing"], len(told["ranks"])) == ("traces", [2], 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("report", "missing.json"), "missing.json: there is no such file or folder"),
        (("report", "{trace}", "--top", "0"), "--top 0: a whole number of at least 1 is needed"),
        (
            ("report", "{trace}", "--rank", "7"),
            "--rank 7: the only rank here is 0",
        ),
        (("report", "{trace}", "--rank", "x"), "--rank x: a whole number of at least 0"),
        (("report", "{trace}", "--depth", "0"), "--depth 0: a whole number of at least 1"),
        (("report", "{trace}", "--no-layers", "--depth", "1"), "--no-layers leaves modules out"),
        (("report", "{trace}", "--no-layers", "--module", "a"), "--no-layers leaves modules out"),
        (("report", "{trace}", "--from", "x"), "--from x: ms since the trace began, 0 or more"),
        (("report", "{trace}", "--from", "-5"), "--from -5: ms since the trace began, 0 or more"),
        (("report", "{trace}", "--to", "7"), "--to 7: the trace ends at 0.300 ms"),
        (("report", "{trace}", "--from", "7"), "--from 7: the trace ends at 0.300 ms"),
        (("report", "{trace}", "--module", ""), "--module '': an empty pattern"),
        (("report", "{trace}", "--module", "a"), "--module a: this trace names no modules"),
        (("report", "{trace}", "--depth", "3"), "--depth 3: this trace names no modules"),
        (("report", "{trace}", "--json", "--depth", "3"), "this trace names no modules"),
        (
            ("report", "{trace}", "--from", "0.2", "--to", "0.1"),
            "give moments from 0 to that, --from before --to",
        ),
        (("query", "{trace}"), "give a question"),
        (("query", "{trace}", " "), "give a question"),
        (("query", "{trace}", "SELECT 1", "--export", "csv"), "or --export, not both"),
        (("query", "{trace}", "DELETE FROM kernels"), "only questions: the tables are in memory"),
        (("query", "{trace}", "SELEC 1"), "tables: kernels, ops, steps, collectives, memory; "),
        (("query", "{trace}", "SELECT 1 FROM runs"), "tables: kernels, ops, steps, collectives"),
        (("query", "{trace}", "--export", "xlsx"), "--export xlsx: choose from parquet, csv"),
        (("query", "{trace}", "SELECT x FROM kernels"), 'Referenced column "x" not found'),
        (("report", "{folder}"), "holds no traces"),
        (("open", "{folder}"), "holds no traces"),
        (("open", "{trace}", "--with", "x"), "--with x: choose from perfetto, tensorboard"),
        (("open", "{trace}", "--port", "x"), "--port x: a whole number from 0"),
        (
            ("open", "{trace}", "--port", "70000"),
            "--port 70000: a whole number from 0",
        ),
        (("report", "last", "--output", "{folder}"), "no runs in"),
    ],
)
def test_wrong_arguments_are_named(
    typed: Typed, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    trace = str(made().write(tmp_path))
    given = [one.format(trace=trace, folder=tmp_path / "empty") for one in arguments]
    code, out, err = typed(*given)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) <= 2


def test_a_question(typed: Typed, tmp_path: Path) -> None:
    trace, sql = made().write(tmp_path), "SELECT step, idle_ns FROM steps ORDER BY step"
    assert "idle_ns" in typed("query", trace, sql)[1]
    told = json.loads(typed("query", trace, sql, "--json")[1])
    assert [row["step"] for row in told] == [0, 1, 2]


def test_tables_as_files(typed: Typed, tmp_path: Path) -> None:
    code, out, _ = typed(
        "query", made().write(tmp_path), "--export", "csv", "--to", tmp_path / "out"
    )
    assert code == 0
    assert [Path(line).name for line in out.split()] == [
        "kernels.csv",
        "ops.csv",
        "steps.csv",
        "collectives.csv",
        "memory.csv",
    ]
    assert all(Path(line).is_file() for line in out.split())


def test_no_torch_and_no_pandas(tmp_path: Path) -> None:
    """A laptop without either reads what a cluster wrote."""
    code = (
        "import sys\n"
        "for name in ('torch', 'pandas', 'nvidia', 'torchvision', 'deepspeed'):\n"
        "    sys.modules[name] = None\n"
        "sys.argv[0] = 'resnext-bench'\n"
        "from resnext_bench.cli.main import main\n"
        "main()\n"
    )
    path = made().write(tmp_path)
    for words in (("report",), ("query", "SELECT count(*) AS n FROM kernels")):
        told = (sys.executable, "-c", code, "trace", words[0], str(path), *words[1:], "--json")
        done = subprocess.run(told, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)
