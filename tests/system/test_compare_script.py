"""Comparisons of a user's own script and of git revisions, as users run them."""

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from resnext_bench.cli.main import main
from resnext_bench.machine.lock import holder
from resnext_bench.reports.schema.upgrade import schema
from tests.system.program import END_S, left_over, run, started, wait_until

pytestmark = pytest.mark.system
SAYS = """\
import os, sys, time
with open(os.environ["RESNEXT_BENCH_SAMPLES"], "a") as file:
    for step in range(40):
        print(int(float(sys.argv[-1]) * 1e6) + step % 3 * 1000, file=file)
"""
"""Steps that were never taken: what is said of them does not depend on the machine."""
LASTS = SAYS + "        file.flush()\n        time.sleep(0.02)\n"


@pytest.fixture(autouse=True)
def _alone() -> None:
    """One measurement at a time on a machine: another one may be coming to its end."""
    wait_until(lambda: holder() is None, 120)


def script(folder: Path, text: str, name: str = "train.py") -> str:
    (folder / name).write_text(text)
    return shlex.join((sys.executable, name))


def compare(*arguments: str, cwd: Path) -> tuple[int, dict[str, Any], str]:
    """Exit code, record, and what stood on standard error."""
    done = run("compare", *arguments, "--json", cwd=cwd)
    record: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    if record:
        jsonschema.validate(record, schema(), cls=jsonschema.Draft202012Validator)
    return done.returncode, record, done.stderr


def printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    """Exit code, table and progress of a comparison of scripts, run in this process."""
    monkeypatch.setattr(sys, "argv", ["resnext-bench", "compare", "--script", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    captured = capsys.readouterr()
    assert isinstance(end.value.code, int)
    return end.value.code, " ".join(captured.out.split()), captured.err


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    done = subprocess.run(
        ("git", "-C", folder, *who, *arguments), check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@contextmanager
def slow_and_fast(folder: Path) -> Iterator[Path]:
    """A checkout whose commit `slow` takes longer steps than main; it is the same afterwards."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    for name, text in (("slow", "4"), ("fast", "2")):
        (folder / "train.py").write_text(LASTS.replace("sys.argv[-1]", text))
        git(folder, "add", "train.py")
        git(folder, "commit", "--quiet", "--message", name)
        git(folder, "tag", name)
    (folder / ".git" / "info" / "exclude").write_text("runs\n")
    (folder / "train.py").write_text("being edited")
    before = git(folder, "status", "--porcelain", "--branch")
    yield folder
    assert (folder / "train.py").read_text() == "being edited"
    assert git(folder, "status", "--porcelain", "--branch") == before
    assert len(git(folder, "worktree", "list").splitlines()) == 1
    assert not list(folder.rglob("tree-*"))


def test_a_slower_script_is_found(tmp_path: Path) -> None:
    command = script(tmp_path, LASTS)
    sides = ("--script", command, "--a", "2", "--b", "4", "--max-sessions", "4")
    code, record, _ = compare(*sides, cwd=tmp_path)
    assert (code, record["verdict"], record["design"]) == (1, "slower", "relaunch")
    assert record["change"]["percent"] > 20
    assert record["b"]["command"] == [sys.executable, "train.py", "4"]
    assert record["differences"] == [{"what": "arguments", "a": "2", "b": "4"}]
    assert [pair["order"] for pair in record["pairs"]][:4] == ["ab", "ba", "ab", "ba"]


def test_equal_scripts_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = ("--a", "", "--b", "", "--both", "5", "--max-sessions", "3")
    monkeypatch.chdir(tmp_path)
    code, text, said = printed(monkeypatch, capsys, script(tmp_path, SAYS), *sides)
    assert (code, text.startswith("b and a are the same, within ±2 %")) == (0, True), text
    assert "nothing differs: an A/A comparison" in said


def test_a_script_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = script(tmp_path, SAYS + "if sys.argv[-1] == '6': raise SystemExit('out of steps')\n")
    monkeypatch.chdir(tmp_path)
    code, text, said = printed(monkeypatch, capsys, command, "--a", "5", "--b", "6")
    assert code == 4
    assert (
        "FAILED b, session 1: the script ended with exit code 1; "
        'its last words: "out of steps" the end of'
    ) in text
    assert text.endswith("out of steps")
    assert "Traceback" not in said


@pytest.mark.slow
def test_killed_and_resumed_elsewhere(tmp_path: Path) -> None:
    """Complete sessions are kept, what was running is ended and measured again."""
    command = script(tmp_path, LASTS)
    both = ("--both", str(tmp_path), "--max-sessions", "4")
    sides = ("--script", command, "--a", "2", "--b", "4", *both)
    samples = "runs/*/session-2/*.samples"
    with started("compare", *sides, cwd=tmp_path) as program:
        wait_until(lambda: bool(list(tmp_path.glob(samples))) or program.poll() is not None)
        program.kill()
        program.communicate(timeout=10)
    (state,) = tmp_path.glob("runs/*/state.json")
    kept = json.loads(state.read_text())["comparison"]["pairs"]
    assert len(kept) == 1
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    resumed = ("--resume", state.parent.name[-4:], "--output", "../runs")
    code, record, _ = compare(*resumed, cwd=elsewhere)
    assert (code, record["verdict"]) == (1, "slower")
    assert record["pairs"][:1] == kept
    assert left_over(tmp_path) == []


def test_an_interruption_ends_the_script_and_all_it_started(tmp_path: Path) -> None:
    text = (
        "import subprocess, sys, time\n"
        "sleep = (sys.executable, '-c', 'import time; time.sleep(600)', sys.argv[-1])\n"
        "subprocess.Popen(sleep, start_new_session=True)\n"
        "subprocess.Popen(sleep)\n"
        "open('both', 'w').close()\n"
        "time.sleep(600)\n"
    )
    sides = ("--a", str(tmp_path / "mark"), "--b", "")
    with started("compare", "--script", script(tmp_path, text), *sides, cwd=tmp_path) as program:
        wait_until(lambda: (tmp_path / "both").exists() or program.poll() is not None)
        assert len(left_over(tmp_path / "mark")) >= 3
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=END_S)
    assert program.returncode == 130, errors
    wait_until(lambda: not left_over(tmp_path / "mark"), 10)
    (path,) = tmp_path.glob("runs/*/record.json")
    assert json.loads(path.read_text())["status"] == "interrupted"


@pytest.mark.slow
def test_two_revisions_and_a_dirty_checkout(tmp_path: Path) -> None:
    command = ("--script", f"{sys.executable} train.py", "--max-sessions", "4")
    with slow_and_fast(tmp_path) as repo:
        code, record, _ = compare(*command, "--a-rev", "slow", "--b-rev", "main", cwd=repo)
        commits = [git(repo, "rev-parse", name) for name in ("slow", "main")]
    assert (code, record["verdict"]) == (0, "faster")
    assert [record[side]["revision"] for side in "ab"] == commits
    (difference,) = record["differences"]
    assert difference == {
        "what": "revision",
        "a": f"slow ({commits[0][:10]})",
        "b": f"main ({commits[1][:10]})",
    }
    assert any("uncommitted changes: they are part of neither" in one for one in record["notes"])


TURNS = """\
import sys, time
from resnext_bench import step
for _ in range(120):
    end = time.perf_counter() + float(sys.argv[1]) / 1e3
    while time.perf_counter() < end:
        pass
    step()
step()
"""


def test_scripts_that_call_step_take_turns(tmp_path: Path) -> None:
    """The first launch of a shows that they do, and that they have steps enough."""
    command = script(tmp_path, TURNS)
    sides = ("--script", command, "--a", "2", "--b", "6", "--max-sessions", "4")
    code, record, said = compare(*sides, "--design", "duet", cwd=tmp_path)
    assert (code, record["verdict"], record["design"]) == (1, "slower", "duet"), said
    assert 3 <= record["pairs"][0]["block_steps"] <= 9
    assert {len(pair["blocks_ms"]) for pair in record["pairs"]} == {10}
    launches = [launch for pair in record["pairs"] for launch in pair["launches"]]
    assert all(launch["step_faults"] < 1000 < launch["minor_faults"] for launch in launches)
    assert record["environment"]["of_ranks"]["MALLOC_MMAP_MAX_"] == "0"
    assert left_over(tmp_path) == []


@pytest.mark.slow
def test_steps_in_ms_are_questioned(tmp_path: Path) -> None:
    """On one side or both; and no verdict is given."""
    command = script(tmp_path, LASTS.replace(" * 1e6) + step % 3 * 1000", ") + step % 3"))
    sides = ("--script", command, "--a", "20", "--b", "20", "--max-sessions", "4")
    code, record, _ = compare(*sides, cwd=tmp_path)
    assert (code, record["verdict"]) == (3, "invalid")
    assert "in ns?" in record["why"]


@pytest.mark.slow
def test_a_revision_against_the_files_as_they_are(tmp_path: Path) -> None:
    """Killed, so that a work tree is left, and resumed."""
    command = ("--script", f"{sys.executable} train.py", "--max-sessions", "3")
    with slow_and_fast(tmp_path) as repo:
        git(repo, "restore", "train.py")
        sides = ("--repo", str(repo), "--b-rev", "slow", "--output", str(repo / "runs"))
        with started("compare", *command, *sides, cwd=repo.parent) as program:
            samples = "runs/*/session-2/*.samples"
            wait_until(lambda: bool(list(repo.glob(samples))) or program.poll() is not None)
            program.kill()
            program.communicate(timeout=10)
        assert len(git(repo, "worktree", "list").splitlines()) == 2
        _, record, said = compare("--resume", "last", "--allow-unsure", "--allow-invalid", cwd=repo)
        (repo / "train.py").write_text("being edited")
    assert record["status"] == "ok", said
    assert len(record["pairs"]) == 3
    assert (record["a"]["given"], record["a"]["revision"]) == ("the working tree", "")
    assert record["change"]["percent"] > 0
