"""`trace memory` as it is typed: what it says first, what it refuses, what `trace report` adds."""

import json
from pathlib import Path

import msgspec
import pytest

from resnext_bench.reports.trace.memory.noted import NOTED, Noted, Storage
from tests.cli.typed import Typed
from tests.reports.trace.made import Made
from tests.reports.trace.memory.made_memory import BLOCK, CPU, PEAK, Allocator, steps, unmarked


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    monkeypatch.setenv("COLUMNS", "80")
    return Typed(monkeypatch, capsys, "trace")


def test_the_peak_is_said_first_and_fits_a_terminal(typed: Typed, tmp_path: Path) -> None:
    path = steps(before=7 * BLOCK)[0].write(tmp_path)
    code, out, err = typed("memory", path)
    told = " ".join(out.split())
    assert (code, err) == (0, "")
    assert told.startswith(
        "GPU 0: peak 17 MiB, in backward of step 0 (aten::convolution_backward in conv1), at 0.360 "
        "ms"
    )
    assert "given out before the recording began: 7 MiB" in told
    assert "7 MiB 41.2 % " in told
    assert "before the recording" in told
    assert all(len(line) <= 80 for line in out.splitlines() if str(path) not in line)
    drawn = [line for line in out.splitlines() if "┤" in line]
    assert len(drawn) == 8
    assert drawn[0].lstrip().startswith("17 MiB ┤")
    assert 1 <= drawn[0].count("█") <= 6
    (marks,) = [line for line in out.splitlines() if line.lstrip().startswith("step  |0")]
    assert [marks.index(one) for one in ("|0", "|1", "|2")] == [14, 34, 55]


def test_growth_and_cut_tables(typed: Typed, tmp_path: Path) -> None:
    path = steps(count=4, leak=2**20)[0].write(tmp_path)
    _, out, _ = typed("memory", path, "--top", 1)
    told = " ".join(out.split())
    assert "each step leaves 1 MiB more than the one before (median of 3 differences)" in told
    assert "2 MiB 2 aten::conv2d, conv1" in told
    assert "the largest first, 1 of 8" in told


def test_as_json_and_as_markdown(typed: Typed, tmp_path: Path) -> None:
    path = steps()[0].write(tmp_path)
    code, out, _ = typed("memory", path, "--json")
    told = json.loads(out)
    assert (code, told["kind"], told["devices"][0]["peak"]["bytes"]) == (0, "memory", PEAK)
    assert told["devices"][0]["peak"]["pass"] == "backward"
    _, out, _ = typed("memory", path, "--markdown")
    assert out.startswith("**GPU 0: peak 10 MiB, in backward of step 0")
    assert "| 4 MiB | 40.0 % | 1 | workspace |" in out


def test_several_ranks_and_the_highest_in_full(typed: Typed, tmp_path: Path) -> None:
    for rank, before in enumerate((1, 9, 5)):
        made, _ = steps(before=before * BLOCK)
        made.header["distributedInfo"] = {"rank": rank, "world_size": 3}
        made.write(tmp_path, f"rank{rank}.pt.trace.json")
    _, out, _ = typed("memory", tmp_path)
    told = " ".join(out.split())
    assert told.startswith("memory of 3 ranks")
    assert "GPU 0: peak 19 MiB" in told
    _, out, _ = typed("memory", tmp_path, "--rank", 2)
    assert "GPU 0: peak 15 MiB" in out
    _, out, _ = typed("memory", tmp_path, "--json")
    assert [one["rank"] for one in json.loads(out)["ranks"]] == [0, 1, 2]
    code, _, err = typed("memory", tmp_path, "--rank", 7)
    assert code == 2
    assert "--rank 7: there is no such trace; there are 0, 1, 2" in " ".join(err.split())
    (tmp_path / "rank2.pt.trace.json").write_text('{"traceEvents": [')
    code, out, err = typed("memory", tmp_path)
    assert (code, out, "--keep-going leaves it out" in err) == (2, "", True)
    code, out, _ = typed("memory", tmp_path, "--keep-going", "--json")
    told = json.loads(out)
    assert (code, [one["rank"] for one in told["ranks"]]) == (1, [0, 1])
    assert "file_unreadable" in {one["kind"] for one in told["facts"]}


def test_one_device_of_several(typed: Typed, tmp_path: Path) -> None:
    made, _ = steps()
    other = Allocator(made, (0, -1))
    other.change(45, BLOCK, 1)
    path = made.write(tmp_path)
    _, out, _ = typed("memory", path)
    assert [line[:4] for line in out.splitlines()[:3:2]] == ["GPU ", "CPU:"]
    for name in ("cpu", "CPU"):
        _, out, _ = typed("memory", path, "--device", name)
        assert out.startswith("CPU: peak 1 MiB")
    _, out, _ = typed("memory", path, "--device", "cuda:0", "--json")
    assert [one["device"] for one in json.loads(out)["devices"]] == ["GPU 0"]
    code, _, err = typed("memory", path, "--device", "GPU 7")
    assert code == 2
    assert "--device GPU 7: not in this trace; there are GPU 0, CPU" in " ".join(err.split())


def test_a_device_without_a_number_is_the_device(typed: Typed, tmp_path: Path) -> None:
    made, _ = steps()
    cpu = Allocator(made, CPU)
    cpu.change(45, 1000, 100)
    path = made.write(tmp_path)
    _, out, _ = typed("memory", path)
    assert "at the peak on GPU 0, by kind" in out
    assert "at the peak on the CPU, by kind" in out
    _, out, _ = typed("report", path)
    told = " ".join(out.split())
    assert "10 MiB on GPU 0, in backward of step 0; 1000 B on the CPU, in forward" in told


def test_a_trace_without_memory_says_how_it_is_recorded(typed: Typed, tmp_path: Path) -> None:
    """There is nothing to report, of a trace or a folder of such, in whatever form."""
    path = Made().step(1, 0, 10).op("aten::mm", 1, 5).write(tmp_path)
    many = tmp_path / "many"
    many.mkdir()
    for rank in range(2):
        made = Made().step(1, 0, 10).op("aten::mm", 1, 5)
        made.header["distributedInfo"] = {"rank": rank, "world_size": 2}
        made.write(many, f"rank{rank}.pt.trace.json")
    for form in ((), ("--json",), ("--markdown",)):
        for wanted in (path, many):
            code, out, err = typed("memory", wanted, *form)
            assert (code, out) == (2, "")
            told = " ".join(err.split())
            assert "run --profile-memory, or profile_memory=True in torch.profiler" in told
    made, _ = steps()
    made.header["distributedInfo"] = {"rank": 1, "world_size": 2}
    made.write(many, "rank1.pt.trace.json")
    assert typed("memory", many)[0] == 0
    code, _, err = typed("memory", many, "--rank", 0)
    assert (code, "--rank 0: memory was not recorded" in " ".join(err.split())) == (2, True)
    _, out, _ = typed("report", path)
    assert "trace memory" not in out
    assert "emory at its peak" not in out


def test_a_cpu_that_was_recorded_before_does_not_begin_at_0(typed: Typed, tmp_path: Path) -> None:
    made, _ = steps(before=BLOCK, device=CPU)
    storage = Storage(0, "optimizer", "parameters", "conv1.weight", 5000, 2 * BLOCK, 0, -1)
    made.header[NOTED] = msgspec.to_builtins(Noted(storages=[storage]))
    told = " ".join(typed("memory", made.write(tmp_path))[1].split())
    assert "given out before the recording began: 1 MiB" in told
    assert "(a CPU's total counts from the first recording of a process)" in told
    assert "begins at 0" not in told


def test_without_steps_it_says_so_and_how_they_are_marked(typed: Typed, tmp_path: Path) -> None:
    """A growth that nothing can tell is not passed over."""
    path = unmarked(steps(count=4, leak=2**20)[0]).write(tmp_path)
    code, out, _ = typed("memory", path)
    told = " ".join(out.split())
    assert code == 0
    assert "no steps are marked" in told
    assert "whether memory grows from step to step cannot be told" in told
    assert "call profiler.step() after each step" in told
    assert "--from" not in told
    assert "freed within the recording" in told
    assert "within one step" not in told
    assert "temporary" not in told


def test_a_report_says_the_peak_and_who_says_more(typed: Typed, tmp_path: Path) -> None:
    path = steps()[0].write(tmp_path)
    _, out, _ = typed("report", path)
    told = " ".join(out.split())
    assert "Memory at its peak: 10 MiB on GPU 0, in backward of step 0; what was there:" in told
    assert f"resnext-bench trace memory {path}" in told
    _, out, _ = typed("report", path, "--json")
    (peak,) = json.loads(out)["memory"]
    assert (peak["bytes"], peak["pass"], peak["step"]) == (PEAK, "backward", 0)
    _, out, _ = typed("report", path, "--from", 0.1, "--json")
    assert json.loads(out)["memory"] == []
