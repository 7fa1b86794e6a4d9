"""The module that users' scripts import: what `step()` writes, and how it waits for its turn."""

import ast
import mmap
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from resnext_bench import steps as module
from resnext_bench import tokens

Steps = Callable[..., module._Steps]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Steps:
    """One process's `step()`, without anything left for the end of this one."""
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module.atexit, "register", lambda what: None)

    def steps(pipes: Path | None = None) -> module._Steps:
        return module._Steps(str(tmp_path / "samples"), str(pipes) if pipes else None)

    return steps


@pytest.fixture
def holder(tmp_path: Path) -> tokens.Holder:
    pipes = tokens.Pipes(tmp_path)
    pipes.create()
    return tokens.Holder(pipes)


def written(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "samples").read_text().splitlines()]


def test_without_the_variable_it_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RESNEXT_BENCH_SAMPLES", raising=False)
    assert module._chosen() is module._nothing
    monkeypatch.setenv("RESNEXT_BENCH_SAMPLES", str(tmp_path / "samples"))
    assert module._chosen() is not module._nothing


def test_the_first_call_starts_the_clock(tmp_path: Path, made: Steps) -> None:
    steps = made()
    for _ in range(4):
        steps.step()
        time.sleep(0.002)
    assert len(written(tmp_path)) == 3
    assert min(written(tmp_path)) >= 2_000_000
    assert (tmp_path / "samples.by-step").exists()
    assert not (tmp_path / "samples.ranks").exists()


def test_turns_and_what_is_answered(tmp_path: Path, made: Steps, holder: tokens.Holder) -> None:
    """Three steps, two, and then freely."""
    for token in (3, 2, tokens.END):
        holder.give(token)
    steps = made(tmp_path)
    for _ in range(8):
        steps.step()
    found = written(tmp_path)
    assert len(found) == 7
    answers = [holder.answer(0) for _ in range(4)]
    assert answers == [tokens.READY, sum(found[1:3]), found[4], None], "the first ones not counted"


def test_waiting_is_in_no_step(tmp_path: Path, made: Steps, holder: tokens.Holder) -> None:
    holder.give(1)
    steps = made(tmp_path)
    steps.step()
    passing = threading.Timer(0.2, lambda: holder.give(1))
    passing.start()
    start = time.perf_counter()
    steps.step()
    assert time.perf_counter() - start > 0.15
    holder.give(tokens.END)
    steps.step()
    assert max(written(tmp_path)) < 100_000_000


@pytest.mark.parametrize("before", [True, False])
def test_a_comparison_that_has_gone_lets_it_run_on(
    tmp_path: Path, made: Steps, holder: tokens.Holder, before: bool
) -> None:
    steps = made(tmp_path)
    holder.give(1)
    if before:
        holder.close()
    steps.step()
    if not before:
        holder.close()
    for _ in range(3):
        steps.step()
    assert len(written(tmp_path)) == 3


def test_the_end_is_told_with_the_faults_of_the_steps(
    tmp_path: Path, made: Steps, holder: tokens.Holder
) -> None:
    holder.give(5)
    steps = made(tmp_path)
    steps.step()
    with mmap.mmap(-1, 2**24) as pages:  # of the system, whatever the heap has kept
        for page in range(0, len(pages), mmap.PAGESIZE):
            pages[page] = 1
    steps.step()
    steps._leave()
    assert [holder.answer(0) for _ in range(2)] == [tokens.READY, module._GONE]
    assert int((tmp_path / "samples.faults").read_text()) > 1000


@pytest.mark.parametrize("variables", [{"RANK": "1", "WORLD_SIZE": "2"}, {"RANK": "3"}])
def test_other_ranks_write_nothing(
    tmp_path: Path, made: Steps, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    steps = made()
    steps.step()
    steps.step()
    assert [path.name for path in tmp_path.iterdir()] == ["samples.ranks"]


def test_of_processes_without_ranks_the_first_writes(tmp_path: Path, made: Steps) -> None:
    first, second = made(), made()
    for steps in (first, second, first, second, first):
        steps.step()
    assert len(written(tmp_path)) == 2
    assert (tmp_path / "samples.ranks").exists()


def test_rank_0_of_several_says_that_there_are_more(
    tmp_path: Path, made: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    steps = made()
    steps.step()
    steps.step()
    assert len(written(tmp_path)) == 1
    assert (tmp_path / "samples.ranks").exists()


def test_a_forked_process_takes_no_steps(
    tmp_path: Path, made: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = made()
    steps.step()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        steps.step()
        steps._leave()
    assert written(tmp_path) == []
    assert not (tmp_path / "samples.faults").exists()


def test_it_needs_nothing_but_an_old_python() -> None:
    source = Path(module.__file__).read_text()
    tree = ast.parse(source, feature_version=(3, 8))
    modules = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules == {
        *("__future__", "atexit", "collections", "contextlib", "os", "resource", "struct", "time")
    }
