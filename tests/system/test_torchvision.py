"""The pipeline of torchvision, run as a user runs it: its processes are the ranks' own."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from resnext_bench.machine.host.cores import descendants
from resnext_bench.reports.schema.samples import SessionResult
from tests.system.program import (
    END_S,
    SMALL,
    in_window,
    left_over,
    rank_files,
    record,
    run,
    started,
    wait_until,
)

pytestmark = pytest.mark.system
READ = ("run", *SMALL, "--pipeline", "torchvision", "--batch-size", "4")


def images(root: Path) -> Path:
    """Large enough that decoding takes most of the time."""
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        for index in range(2):
            picture = Image.effect_noise((3000, 3000), 90).convert("RGB")
            picture.save(root / name / f"{index}.jpg", quality=95)
    return root


def measured(folder: Path, *options: str) -> tuple[dict[str, Any], SessionResult]:
    data, temporary = images(folder / "data"), folder / "tmp"
    temporary.mkdir()
    arguments = (*READ, "--steps", "8", "--data", str(data), *options, "--json")
    done = run(*arguments, cwd=folder, TMPDIR=str(temporary))
    assert not list(temporary.glob("pymp-*"))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    invalid = found["sessions"][0]["invalid"]
    assert not any("batches repeat" in why or "parameters" in why for why in invalid)
    wait_until(lambda: not left_over(folder), seconds=20)
    (path,) = (folder / "runs").glob("*/session-1/result.msgpack")
    return found, msgspec.msgpack.decode(path.read_bytes(), type=SessionResult)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs a core for the loader")
@pytest.mark.slow
def test_what_its_processes_use_is_the_ranks_own(tmp_path: Path) -> None:
    found, result = measured(tmp_path, "--threads", "1")
    assert (found["resolved"]["pipeline"], found["resolved"]["decode"]) == ("torchvision", "cpu")
    assert found["resolved"]["classes"] == 2
    assert found["environment"]["versions"]["torchvision"]
    (facts,), (samples,) = result.facts, result.samples
    waited_s, window_s = sum(samples.next_ns) / 1e9, samples.window_ns / 1e9
    assert waited_s > 0.5 * window_s, "the loader is what is slow here"
    # While it waits, a rank runs nothing: what it used beyond computing, its loader did.
    assert facts.cpu_busy_s > 1.25 * (window_s - waited_s)


@pytest.mark.slow
def test_two_ranks(tmp_path: Path) -> None:
    found, result = measured(tmp_path, "--nodes", "2")
    assert found["resolved"]["engine"] == "ddp"
    assert len(result.facts) == 2


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 2])
def test_loaders_of_a_killed_rank_end_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ranks: int
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    arguments = (*READ, "--steps", "100000", "--nodes", str(ranks), "--loader-threads", "2")
    with started(*arguments, cwd=tmp_path) as program:
        wait_until(lambda: in_window(tmp_path, ranks) or program.poll() is not None)
        pid = rank_files(tmp_path)[-1].pid
        loaders = [child for child in descendants([pid]) if child != pid]
        assert len(loaders) == 2
        mine = os.sched_getaffinity(pid)
        assert all(os.sched_getaffinity(loader) == mine for loader in loaders)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(map(alive, loaders)), seconds=5)
        output, errors = program.communicate(timeout=END_S)
    assert program.returncode == 4, output + errors
    assert record(tmp_path / "runs")["failure"]["rank"] == ranks - 1
    wait_until(lambda: not left_over(tmp_path), seconds=20)
    assert not list((tmp_path / "tmp").glob("pymp-*"))


def alive(pid: int) -> bool:
    """Whether it runs; one that ended and that nobody waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
