"""A user's script: started as its user would, ended with all that it started."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resnext_bench.launch import script as launch
from resnext_bench.launch.script import RunningScript, ScriptCommand, end_left_over, run_script
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.reports.schema.comparison import Side
from resnext_bench.session.compare import script
from resnext_bench.session.compare.contest import OutOfTime
from tests.reports.made_results import made_record

pytestmark = pytest.mark.system


def command(folder: Path, text: str) -> ScriptCommand:
    return ScriptCommand(
        argv=(sys.executable, "-c", text),
        cwd=folder,
        samples=folder / "samples",
        log=folder / "log",
    )


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def wait_until_dead(pid: int) -> None:
    deadline = time.monotonic() + 20
    while is_alive(pid):
        assert time.monotonic() < deadline, "a process is left"
        time.sleep(0.02)


def nothing() -> None:
    """Nobody looks."""


def test_variables_folder_and_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    text = (
        "import os; print(os.getcwd(), os.environ['RESNEXT_BENCH_SAMPLES'],"
        "'PYTHONSAFEPATH' in os.environ, os.getsid(0) == os.getpid())"
    )
    assert run_script(command(tmp_path, text), 60, nothing) == 0
    assert (tmp_path / "log").read_text().split() == [
        str(tmp_path),
        str(tmp_path / "samples"),
        "False",
        "True",
    ]


def test_exit_codes(tmp_path: Path) -> None:
    assert run_script(command(tmp_path, "raise SystemExit(3)"), 60, nothing) == 3
    killed = command(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert run_script(killed, 60, nothing) == -9


def test_no_program(tmp_path: Path) -> None:
    none = ScriptCommand(
        argv=("./nothing",), cwd=tmp_path, samples=tmp_path / "samples", log=tmp_path / "log"
    )
    with pytest.raises(FileNotFoundError):
        run_script(none, 60, nothing)


def test_a_script_without_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "GRACE_S", 0.5)
    text = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    assert run_script(command(tmp_path, text), 0.5, nothing) is None


def test_a_script_that_is_ended_may_clean_up(tmp_path: Path) -> None:
    """It hears SIGTERM, though that is held off while it is started."""
    text = (
        "import pathlib, signal, sys, time\n"
        "def end(*_): pathlib.Path('saved').touch(); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); pathlib.Path('ready').touch(); time.sleep(60)"
    )
    with RunningScript(command(tmp_path, text)):
        deadline = time.monotonic() + 20
        while not (tmp_path / "ready").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert (tmp_path / "saved").exists()


def test_what_it_leaves_behind_is_ended_whatever_its_group(tmp_path: Path) -> None:
    text = (
        "import subprocess, sys;"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(600)'];"
        "print(subprocess.Popen(sleep).pid, subprocess.Popen(sleep, start_new_session=True).pid)"
    )
    assert run_script(command(tmp_path, text), 60, nothing) == 0
    for pid in (tmp_path / "log").read_text().split():
        wait_until_dead(int(pid))


def test_only_what_belongs_below_the_folder_is_ended(tmp_path: Path) -> None:
    def sleeper(samples: Path) -> subprocess.Popen[bytes]:
        variables = {**os.environ, launch.SAMPLES_VARIABLE: str(samples)}
        sleep = (sys.executable, "-c", "import time; time.sleep(600)")
        return subprocess.Popen(sleep, env=variables)

    ours, other = sleeper(tmp_path / "one" / "a"), sleeper(tmp_path / "one-more" / "a")
    try:
        end_left_over(tmp_path / "one")
        assert ours.wait(20) == -9
        assert other.poll() is None
    finally:
        for process in (ours, other):
            process.kill()
            process.wait()


def test_a_launch_ends_with_the_budget_and_its_least_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "LEAST_LIMIT_S", 0.3)
    argv = (sys.executable, "-c", "import time; print('epoch 1', flush=True); time.sleep(600)")
    place = script.Place(side=Side(given="sleeps", command=argv), cwd=tmp_path)
    source = script.Scripted(
        folder=tmp_path,
        a=place,
        b=place,
        changes=(),
        machine=made_record().environment,
        known=(),
        ends_s=time.monotonic() - 1,
    )
    told = r"b, session 1: .* had not ended after 0 s, with 0 step times .*; raise --max-minutes"
    with pytest.raises(SessionFailed, match=told):
        source.measure(1, "ba", lambda done: None)
    with pytest.raises(OutOfTime, match=r"session 2 does not count: .* when b had run for 0 s and"):
        source.measure(2, "ba", lambda done: None)
