"""`trace report` of folders as they are found: cycles, other runs and files, odd names."""

import gzip
import json
import os
from pathlib import Path

import pytest

from tests.cli.typed import Typed
from tests.reports.trace.made import Made

GEMM = "ampere_sgemm_128x64_nn"
TALK = "ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)"
BASE = 1_764_000_000 * 10**9


def made(rank: int | None = 0, world: int = 2, at_s: int = 0) -> Made:
    info = {"backend": "nccl", "rank": rank, "world_size": world}
    header = {"distributedInfo": info} if rank is not None else {}
    made = Made(header={"baseTimeNanoseconds": BASE + at_s * 10**9, **header})
    made.header["deviceProperties"] = [{"id": 0, "name": "NVIDIA H100"}]
    for number in range(2):
        made.step(number, number * 100, 100).op("aten::mm", number * 100 + 1, 20)
        made.kernel(GEMM, number * 100 + 10, 50.5 + (rank or 0))
        made.kernel(TALK, number * 100 + 70, 20)
    return made


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    monkeypatch.setenv("COLUMNS", "200")
    return Typed(monkeypatch, capsys, "trace")


def test_two_cycles_of_one_process(typed: Typed, tmp_path: Path) -> None:
    for cycle in (0, 9):
        name = f"host_1234.{1_700_000_000 + cycle}000000000.pt.trace.json"
        made(None, at_s=cycle).write(tmp_path, name)
    code, out, _ = typed("report", tmp_path)
    assert code == 0
    assert "ranks, ms per step" not in out
    assert "host_1234.1700000009000000000.pt.trace.json" in out
    assert "1 file left out (earlier cycles of the same processes): host_1234.1700000000" in out
    told = json.loads(typed("report", tmp_path, "--json")[1])
    assert [one["why"] for one in told["left_out"]] == ["cycle"]
    assert len(told["ranks"]) == 1
    (fact,), (sentence,) = told["facts"], told["warnings"]
    assert (fact["kind"], fact["values"]["of"]) == ("files_left_out", "cycle")
    assert sentence in " ".join(out.split())


def test_two_cycles_of_two_ranks(typed: Typed, tmp_path: Path) -> None:
    for cycle in (0, 9):
        for rank in (0, 1):
            name = f"host_{rank}.{1_700_000_000 + cycle}000000000.pt.trace.json"
            made(rank, at_s=cycle).write(tmp_path, name)
    code, out, _ = typed("report", tmp_path)
    assert code == 0
    assert "2 ranks, ms per step" in out
    assert "2 files left out (earlier cycles" in out
    assert "collectives of all 2 ranks" in out
    code, out, err = typed("query", tmp_path, "SELECT count(*) AS n FROM steps", "--json")
    assert (code, json.loads(out)) == (0, [{"n": 4}])
    assert "2 files left out (earlier cycles" in err


def test_some_of_many_ranks(typed: Typed, tmp_path: Path) -> None:
    for rank in (3, 77):
        made(rank, 128).write(tmp_path, f"rank{rank}.pt.trace.json")
    _, out, _ = typed("report", tmp_path)
    assert "2 ranks, ms per step (126 of 128 are missing)" in out
    assert "collectives of the 2 of 128 ranks that are here" in out
    assert "traces of 126 of 128 ranks are missing: 0, 1, 2, 4" in out


def test_traces_that_do_not_tell_their_ranks(typed: Typed, tmp_path: Path) -> None:
    for pid in (1, 2):
        one = made(None)
        for row in one.rows:
            row["pid"] = pid if row["cat"] == "cpu_op" else row["pid"]
        one.write(tmp_path, f"host_{pid}.17000000000{pid}.pt.trace.json")
    _, out, _ = typed("report", tmp_path)
    assert "2 traces, ms per step" in out
    assert "collectives of the 2 ranks that are here" in out
    assert "2 traces without a rank, in the trace or by its name" in out


def test_runs_in_one_folder_are_not_joined(typed: Typed, tmp_path: Path) -> None:
    for rank in (0, 1):
        made(rank, at_s=0).write(tmp_path, f"a-rank{rank}.json")
        made(rank, at_s=90_000).write(tmp_path, f"b-rank{rank}.json")
    made(0, 8).write(tmp_path, "c-rank0.json")
    _, out, _ = typed("report", tmp_path)
    assert out.startswith(
        "several recordings here: these are b-rank0.json to b-rank1.json, 2 of 5 files; name one"
    )
    assert "2 ranks, ms per step" in out
    assert "recorded at another time, or by other processes): a-rank0.json, a-rank1.json" in out
    assert "of a world of another size): c-rank0.json" in out


def test_what_else_is_in_a_folder_is_named(typed: Typed, tmp_path: Path) -> None:
    made(0).write(tmp_path, "rank0.pt.trace.json")
    (tmp_path / "rank1.pt.trace.json").write_bytes(b'{"traceEvents"')
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "rank2.json.zst").write_bytes(b"\x28\xb5\x2f\xfd")
    (tmp_path / "record.json.lock").write_text("")
    _, out, _ = typed("report", tmp_path, "--keep-going")
    assert "not read, as others are called *.pt.trace.json" in out
    assert "config.json, rank2.json.zst" in out
    assert "rank1.pt.trace.json: not a trace" in out
    assert "record.json.lock" not in out


def test_hidden_files_are_named(typed: Typed, tmp_path: Path) -> None:
    made(0).write(tmp_path, "r0.json")
    made(1).write(tmp_path, ".r1.json")
    _, out, _ = typed("report", tmp_path)
    assert "1 file left out (hidden): .r1.json" in out
    assert "traces of 1 of 2 ranks are missing: 1" in out


def test_a_folder_of_json_that_is_no_trace(typed: Typed, tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text('{"a": 1}')
    code, out, err = typed("report", tmp_path)
    assert (code, out) == (2, "")
    assert 'a.json: not a trace: its 8 bytes hold no "traceEvents" array' in err


def test_packed_files_say_what_to_do(typed: Typed, tmp_path: Path) -> None:
    path = tmp_path / "rank0.json.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + b"x" * 50)
    code, out, err = typed("report", path)
    assert (code, out) == (2, "")
    assert "not a trace but compressed with zstd; unpack it first: zstd -d" in err
    code, _, err = typed("report", tmp_path)
    assert code == 2
    assert "rank0.json.zst" in err


def test_names_of_any_bytes(typed: Typed, tmp_path: Path) -> None:
    name = os.fsdecode(b"odd\xff\n\x1b[31mrank0.pt.trace.json")
    made(0).write(tmp_path, name)
    (tmp_path / os.fsdecode(b"other\xfe.json")).write_text("{}")
    code, out, err = typed("report", tmp_path)
    assert (code, err) == (0, "")
    assert r"odd\xff\n\x1b[31mrank0.pt.trace.json" in out
    assert r"other\xfe.json" in out
    code, out, _ = typed("report", tmp_path, "--json")
    assert code == 0
    assert json.loads(out)["ranks"][0]["file"].endswith(r"odd\xff\n\x1b[31mrank0.pt.trace.json")


def test_a_gzip_with_bytes_behind_it(typed: Typed, tmp_path: Path) -> None:
    path = tmp_path / "t.json.gz"
    path.write_bytes(gzip.compress(made(0).text().encode()) + b"\0" * 99 + b"end")
    code, out, err = typed("report", path)
    assert (code, err) == (0, "")
    assert "3 bytes after the end of the gzip data are ignored" in out
    assert "damaged" not in out


def test_a_gpu_job_without_kernels_leads_with_it(typed: Typed, tmp_path: Path) -> None:
    one = made(0)
    one.rows = [row for row in one.rows if row["cat"] != "kernel"]
    for rank in (0, 1):
        one.header["distributedInfo"]["rank"] = rank
        one.write(tmp_path, f"rank{rank}.json")
    code, out, _ = typed("report", tmp_path / "rank0.json")
    assert code == 0
    assert out.startswith("warning 4 launches (cudaLaunchKernel), and no kernel in the trace")
    assert "on CPU" not in out
    _, out, _ = typed("report", tmp_path)
    assert "host alone" in out
    assert "on CPU" not in out
    told = json.loads(typed("report", tmp_path / "rank0.json", "--json")[1])
    assert (told["on"], told["steps"]["step_ns"]) == ("host alone", [])
    assert told["alone"]["evidence"][0]["what"] == ["cudaLaunchKernel"]
