"""However a run ends: bounded, no process left, the failing rank named, nothing half-written."""

import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.system.program import (
    END_S,
    PROGRAM,
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
LONG = ("run", *SMALL, "--steps", "100000", "--pipeline", "synthetic")


def ends_clean(root: Path) -> None:
    wait_until(lambda: not left_over(root), seconds=20)
    assert not list(root.rglob(".*")), "a temporary file is left"


@pytest.mark.parametrize(
    ("sent", "ranks"),
    [
        (signal.SIGINT, 2),
        pytest.param(signal.SIGTERM, 2, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 1, marks=pytest.mark.slow),
    ],
)
def test_interruption_leaves_a_record(tmp_path: Path, sent: signal.Signals, ranks: int) -> None:
    with started(*LONG, "--nodes", str(ranks), cwd=tmp_path) as program:
        wait_until(lambda: in_window(tmp_path, ranks) or program.poll() is not None)
        program.send_signal(sent)
        _, errors = program.communicate(timeout=END_S)
    assert program.returncode == 130, errors
    assert "Traceback" not in errors
    assert record(tmp_path / "runs")["status"] == "interrupted"
    ends_clean(tmp_path)


@pytest.mark.slow
def test_a_killed_rank_is_named(tmp_path: Path) -> None:
    with started(*LONG, "--nodes", "2", cwd=tmp_path) as program:
        wait_until(lambda: in_window(tmp_path, 2) or program.poll() is not None)
        os.kill(rank_files(tmp_path)[1].pid, signal.SIGKILL)
        output, errors = program.communicate(timeout=END_S)
    assert program.returncode == 4, errors
    found = record(tmp_path / "runs")
    assert found["status"] == "failed"
    assert found["failure"]["rank"] == 1
    assert "rank 1: killed by SIGKILL" in " ".join(output.split())
    ends_clean(tmp_path)


@pytest.mark.slow
def test_a_failing_rank_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    """A file goes bad after it was checked: DALI stops for good, in the rank that meets it."""
    data = tmp_path / "data"
    for name in ("a", "b"):
        (data / name).mkdir(parents=True)
        for index in range(4):
            Image.new("RGB", (64, 64), (30 * index, 99, 0)).save(data / name / f"{index}.jpg")
    arguments = ("run", *SMALL, "--nodes", "2", "--steps", "4", "--data", str(data))
    assert run(*arguments, cwd=tmp_path).returncode == 0
    for path in sorted(data.rglob("*.jpg")):  # same size, same time: the proof still holds
        before = path.stat()
        path.write_bytes(bytes(before.st_size))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    done = run(*arguments, "--output", str(tmp_path / "second"), cwd=tmp_path)
    assert done.returncode == 4
    failure = record(tmp_path / "second")["failure"]
    assert failure["rank"] in (0, 1)
    assert failure["log_tail"]
    assert "was good when it was checked" in " ".join(done.stdout.split())
    ends_clean(tmp_path)


@pytest.mark.slow
def test_the_ranks_of_a_killed_program_end_too(tmp_path: Path) -> None:
    with started(*LONG, "--nodes", "2", cwd=tmp_path) as program:
        wait_until(lambda: in_window(tmp_path, 2) or program.poll() is not None)
        program.kill()
        program.communicate(timeout=10)
    wait_until(lambda: not left_over(tmp_path), seconds=60)
    assert not list((tmp_path / "runs").glob("*/record.json"))


@pytest.mark.slow
def test_a_lack_of_memory_is_one_line(tmp_path: Path) -> None:
    most = ("--image-size", "4096", "--batch-size", "1000000", "--pipeline", "synthetic")
    refused = run("run", *SMALL, *most, cwd=tmp_path)
    assert refused.returncode == 5
    assert "GiB by calculation, but this machine has" in refused.stderr
    done = run("run", *SMALL, *most, "--model", "torchvision:resnet18", cwd=tmp_path)
    assert done.returncode == 4
    told = " ".join(done.stdout.split())
    assert "FAILED rank 0: out of memory with 1000000 images of 4096 x 4096 per rank: " in told
    assert told.endswith("or let run find it: --batch-size auto)")


ARGPARSE = "import argparse\nargparse.ArgumentParser().parse_args(['--lr'])\n"
LEAVING = """
import os
print("rank", os.environ["RANK"], "has had enough", flush=True)
os._exit(3)
"""


def failed(folder: Path, module: str, *options: str) -> str:
    """What is told of a run whose model stands in `module`."""
    (folder / "net.py").write_text(module)
    small = ("--image-size", "32", "--batch-size", "2", "--pipeline", "synthetic")
    done = run("run", "--model", "net:Net", *small, *options, cwd=folder)
    assert done.returncode == 4, done.stderr
    return " ".join(done.stdout.split())


def test_a_module_that_ends_the_program_is_named(tmp_path: Path) -> None:
    told = failed(tmp_path, ARGPARSE)
    assert "--model net:Net: its module ended the program (SystemExit 2): put what it" in told
    assert "error: unrecognized arguments: --lr" in told
    assert "launcher" not in told


@pytest.mark.slow
def test_of_two_ranks_that_leave_the_last_words_are_told(tmp_path: Path) -> None:
    told = failed(tmp_path, LEAVING, "--nproc-per-node", "2")
    assert "the program ended with exit code 3 while loading the model; its last words" in told
    assert "has had enough" in told


@pytest.mark.slow
@pytest.mark.skipif(
    subprocess.run(("unshare", "-m", "mount", "-t", "tmpfs", "none", "/dev/shm")).returncode != 0
    if shutil.which("unshare")
    else True,
    reason="needs a /dev/shm of its own",
)
def test_a_run_that_shared_memory_cannot_hold_is_refused(tmp_path: Path) -> None:
    mount = "mount -t tmpfs -o size=64k tmpfs /dev/shm && exec "
    arguments = ("run", *SMALL, "--batch-size", "8", "--pipeline", "torchvision")
    done = subprocess.run(
        ("unshare", "-m", "sh", "-c", mount + shlex.join((*PROGRAM, *arguments))),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 5, done.stderr
    assert "/dev/shm has 64 KiB" in done.stderr
    assert not list(tmp_path.glob("runs/*"))
