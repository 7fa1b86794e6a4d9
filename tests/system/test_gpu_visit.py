"""Visits of the GPU kit: whatever happens, the file is whole and no process is left."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from resnext_bench.lab.visit import visit
from resnext_bench.lab.visit.pages.page import pages
from resnext_bench.lab.visit.plan import PARTS
from resnext_bench.lab.visit.results import Book, Results
from tests.lab.visit.made import made_book
from tests.system.program import left_over, wait_until

pytestmark = pytest.mark.system

KIT = (sys.executable, "-m", "resnext_bench.lab.visit", "--device", "cpu")
ROOT = visit.ROOT


@pytest.mark.slow
def test_parts_that_die_break_and_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "MODULE", "tests.lab.visit.made_part")
    monkeypatch.setattr(visit, "WORTH_S", 0.5)
    monkeypatch.setattr(visit, "ENDS_S", 0.5)
    book = made_book(tmp_path)
    visit.visit(book, PARTS, "cpu", seconds=12)
    found = Book.open(book.path).results
    states = {
        name: {key: task.state for key, task in part.tasks.items()}
        for name, part in found.parts.items()
    }
    went_on = {"first": "cut", "second": "done"}
    assert states["tests"] == states["device"] == went_on, "in another process, at once"
    assert states["training"] == states["convs"] == went_on, "with what time others left"
    assert states["kernels"]["second"] == states["trust"]["second"] == "done"
    whys = {name: found.part(name).tasks["first"].why for name in ("tests", "training", "convs")}
    assert whys == {
        "tests": "its process was ended by SIGKILL",
        "training": "it was ended: a task went on beyond the time of its part",
        "convs": "its process ended with code 1",
    }
    assert not left_over(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_visit_that_is_ended_leaves_a_whole_file(tmp_path: Path, sig: signal.Signals) -> None:
    path = tmp_path / "cut.json"
    command = (*KIT, "--minutes", "2", "--only", "device", "--only", "convs", "--json", str(path))
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: path.exists() and bool(Book.open(path).results.part("device").tasks))
        process.send_signal(sig)
        _, said = process.communicate(timeout=30)
    wait_until(lambda: not left_over(tmp_path), seconds=5)
    found = Book.open(path).results
    assert found.parts["device"].planned
    if sig is signal.SIGKILL:  # the kernel ends the part
        assert process.returncode == -signal.SIGKILL
        return
    assert process.returncode == 130
    assert f"interrupted; what there is by now is in {path}" in said
    assert not any(task.state == "running" for task in found.part("device").tasks.values())


def test_without_a_gpu_it_says_so(tmp_path: Path) -> None:
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        (sys.executable, "-m", "resnext_bench.lab.visit"),
        cwd=ROOT,
        env=hidden,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 5
    assert done.stderr.startswith("error: --device cuda: torch sees no CUDA GPU here")
    assert done.stderr.count("\n") == 1


def test_without_packages_it_says_which(tmp_path: Path) -> None:
    """-S: an interpreter that has none of them."""
    done = subprocess.run(
        (sys.executable, "-S", "-m", "resnext_bench.lab.visit"),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 5
    assert done.stderr.startswith("error: not installed: torch, msgspec")


@pytest.mark.slow
def test_the_whole_kit_in_miniature(tmp_path: Path) -> None:
    """All but a part, that part afterwards, and the pages that are made of it.

    Visits have far more time than they take, so that a slow machine reaches everything.
    """
    path = tmp_path / "gpu" / "miniature.json"
    others = [part.name for part in PARTS if part.name != "trust"]
    before = _visited(path, *others)
    for name in others:
        assert not before.part(name).unreached, f"{name} was finished"
    _visited(path, "trust", more=("--resume", str(path)))
    found = Book.open(path).results
    assert len(found.visits) == 2
    _require_all_kinds(found)
    _require_kept(before, found)
    written = pages(path.parent.parent)
    page = written[path.parent.parent / "gpu.md"]
    assert "says nothing of GPUs" in page
    assert "To attack first" not in page
    for which in ("training", "convs"):
        assert written[path.parent / f"miniature-{which}.svg"].startswith("<svg")


def _visited(path: Path, *names: str, more: Sequence[str] = ()) -> Results:
    only = [word for name in names for word in ("--only", name)]
    given = more or ("--json", str(path))
    command = (*KIT, "--minutes", "20", *only, *given)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return Book.open(path).results


def _require_all_kinds(found: Results) -> None:
    kinds = {name: {key.partition("/")[0] for key in found.told(name)} for name in found.parts}
    assert kinds["tests"] == {"pytest"}
    assert kinds["device"] == {"facts", "copy", "products", "load"}
    assert kinds["training"] == {"types", "fp32", "models", "peers", "compilers", "autotune"}
    assert kinds["kernels"] == {"resnext14_4x4d", "resnext14_1x64d"}
    assert kinds["convs"] == {"bf16", "fp16", "tf32", "fp32", "layouts"}
    assert {"fidelity", "monitor", "nodes", "duet"} <= kinds["trust"]
    tasks = [task for part in found.parts.values() for task in part.tasks.values()]
    assert not [task.why for task in tasks if task.state == "failed"]
    assert not [task.wrong for task in tasks if task.wrong]


def _require_kept(before: Results, after: Results) -> None:
    """What was done in the first visit is as it was."""
    for name, part in before.parts.items():
        for key, task in part.tasks.items():
            if task.state == "done":
                assert after.parts[name].tasks[key] == task
