"""`convs time` as it is typed: what is refused, stored, shown, queried and compared."""

import json
import shutil
import signal
from pathlib import Path

import msgspec
import pytest

from resnext_bench.cli.convs import time as command
from resnext_bench.errors import Interrupted
from resnext_bench.machine import lock
from resnext_bench.machine.host.cores import descendants
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.store import runs
from tests.cli.typed import Typed
from tests.reports.made_timed import made_timed
from tests.system.program import END_S, run, started, wait_until

pytestmark = pytest.mark.system
ONE = (
    *("convs", "time", "--shape", "2x32x14x14", "--groups", "4", "--rounds", "2", "--threads", "1"),
    *("--wait", "2"),  # for a measurement of somebody else on this machine
)


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Typed:
    monkeypatch.setenv("RESNEXT_BENCH_RUNS", str(tmp_path / "runs"))
    return Typed(monkeypatch, capsys, "convs", "time")


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (("--isa", "AVX3"), 2, "--isa AVX3: choose from SSE41, AVX, AVX2"),
        (("--isa", "avx2", "--onednn", "off"), 2, "--isa AVX2 caps oneDNN, which --onednn off"),
        (("--rounds", "3"), 2, "--rounds 3: give an even number, such as 4"),
        (("--dtype", "tf32"), 2, "a CPU has no TF32; give fp32, bf16 or fp16"),
        (("--device", "cuda"), 5, "--device cuda: no GPU here; --device cpu times oneDNN"),
        (("--layer", "conv9"), 2, "--layer conv9: not among its 53 convolutions"),
    ],
)
def test_what_is_refused(
    monkeypatch: pytest.MonkeyPatch, typed: Typed, given: tuple[str, ...], code: int, words: str
) -> None:
    monkeypatch.setattr("resnext_bench.cli.convs.time.inspect", lambda _: inspect("cpu"))
    found, out, err = typed("resnext50_32x4d", *given)
    assert (found, out) == (code, "")
    assert words in err
    assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_all_settings_of_one_convolution(tmp_path: Path) -> None:
    first = run(
        *ONE,
        "--onednn",
        "both",
        "--isa",
        "AVX2",
        "--layout",
        "nhwc",
        "--json",
        cwd=tmp_path,
        COLUMNS="80",
    )
    assert first.returncode == 0, first.stderr
    (folder,) = (one for one in (tmp_path / "runs").iterdir() if one.is_dir())
    found = json.loads(first.stdout)
    assert json.loads(msgspec.json.encode(runs.load(folder))) == found
    assert (found["task"], found["status"], found["timing"]["rounds"]) == ("time", "ok", 2)
    assert found["timing"]["threads"] == 1
    # Two types, each by oneDNN, capped, and without it, of three operations.
    assert len(found["problems"]) == 18
    assert [one["isa"] for one in found["timing"]["caps"]] == ["", "AVX2"]
    plans = {}
    for problem in found["problems"]:
        conv = found["convolutions"][problem["convolution"]]
        key = (conv["dtype"], conv["layout"], problem["operation"])
        if problem.get("why"):
            assert problem["plans"] == []
            continue
        (plan,) = problem["plans"]
        assert len(plan["samples_us"]) == 2
        assert min(plan["samples_us"]) > 0
        assert "wrong" not in plan.get("notes", [])
        plans[*key, problem.get("setting", "")] = plan["kernel"]
    if "onednn" in found["libraries"]:
        off = {key[:3]: name for key, name in plans.items() if key[3] == "oneDNN off"}
        assert len(off) == 6
        assert all(plans[*key, ""] != name for key, name in off.items())
    shown = run("runs", "show", "last", cwd=tmp_path, COLUMNS="80")
    assert "weight gradient of this convolution (32@14, 4 groups)" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    query = "SELECT count(*) AS n FROM convs WHERE samples[1] > 0 AND error < 0.01"
    rows = json.loads(run("runs", "query", query, "--json", cwd=tmp_path).stdout)
    assert rows == [{"n": len(plans)}]
    again = tmp_path / "runs" / "20200101-000000-convs_given-0000"
    shutil.copytree(tmp_path / "runs" / found["id"], again)
    (again / "record.json").write_text(json.dumps(found | {"id": again.name}))
    same = run("runs", "diff", found["id"], again.name, cwd=tmp_path, COLUMNS="80")
    words = " ".join(same.stdout.split())
    assert f"slower in 0 and faster in 0 of {len(plans)} sides that both have timed" in words


@pytest.mark.slow
def test_interruption_leaves_nothing(tmp_path: Path) -> None:
    with started(*ONE, "--rounds", "10000", cwd=tmp_path) as program:

        def inner() -> list[int]:
            return descendants([program.pid])[1:]

        wait_until(lambda: bool(inner()) or program.poll() is not None)
        children = inner()
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=END_S)
    assert program.returncode == 130, errors
    assert errors.splitlines()[-1] == "interrupted; nothing was measured yet"
    assert children
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch, typed: Typed, tmp_path: Path) -> Typed:
    """Ctrl-C after one of three problems."""
    why = "after 1 of 3 problems"
    record = msgspec.structs.replace(made_timed(), id="", status="interrupted", why=why)

    def timed(*_: object) -> None:
        raise Interrupted("interrupted", record)

    monkeypatch.setattr(command, "timed", timed)
    monkeypatch.setattr(command, "inspect", lambda _: inspect("cpu"))
    monkeypatch.setattr(lock, "LOCK", tmp_path / "lock")  # nothing is measured
    return typed


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_was_measured_until_ctrl_c_is_stored_shown_and_listed(
    cut: Typed,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    form: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = cut("--shape", "2x8x9x9", *form)
    assert code == 130
    (folder,) = (tmp_path / "runs").iterdir()
    assert err.splitlines()[-1] == f"interrupted; what was measured is in {folder}"
    if form:
        assert json.loads(out)["id"] == folder.name
    else:
        assert out.startswith("INTERRUPTED: after 1 of 3 problems")
    assert runs.load(folder).status == "interrupted"
    _, listed, _ = Typed(monkeypatch, capsys, "runs", "list")("--status", "interrupted", "--json")
    assert [one["id"] for one in json.loads(listed)] == [folder.name]


def test_what_was_measured_until_ctrl_c_is_shown_where_it_cannot_be_stored(
    cut: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(runs, "require_usable", lambda root: None)  # it becomes one meanwhile
    code, out, err = cut("--shape", "2x8x9x9", "--output", str(tmp_path / "file"))
    assert code == 5
    assert out.startswith("INTERRUPTED: after 1 of 3 problems")
    assert err.splitlines()[-1].endswith("what was measured is shown above, but not stored")


def test_a_folder_that_cannot_be_used_is_told_before_anything_is_measured(
    cut: Typed, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    code, out, err = cut("--shape", "2x8x9x9", "--output", str(tmp_path / "file" / "runs"))
    assert (code, out) == (2, "")
    assert "Not a directory; name another folder with --output" in err
