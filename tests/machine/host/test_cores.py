"""Kernel counters, read from a file written by hand."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from resnext_bench.machine.host.cores import cpu_seconds, descendants, read_cpu, running_s, waited_s

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
STAT = """\
cpu  9000 900 900 9000 900 90 90 900 0 0
cpu0 1000 20 300 5000 700 4 5 60 0 0
cpu1 2000 10 100 6000 800 1 2 30 700 5
cpu10 9999 9999 9999 9999 9999 9999 9999 9999 9999 9999
cpu2 1 2 3 4 5 6 7 8 9 10 11
intr 123 4 5
ctxt 678
"""


@pytest.fixture
def stat(tmp_path: Path) -> Path:
    path = tmp_path / "stat"
    path.write_text(STAT)
    return path


@pytest.mark.parametrize(
    ("cores", "busy", "steal"),
    [
        ((0,), 1000 + 20 + 300 + 4 + 5, 60),  # neither idle nor iowait
        ((1,), 2000 + 10 + 100 + 1 + 2, 30),  # guest time is in user time already
        ((0, 1), 1329 + 2113, 90),
        ((2,), 1 + 2 + 3 + 6 + 7, 8),  # a field of a later kernel
        ((7,), 0, 0),
        ((), 0, 0),
    ],
)
def test_the_cores_asked_for(stat: Path, cores: tuple[int, ...], busy: int, steal: int) -> None:
    found = read_cpu(cores, stat)
    assert found.busy_s == pytest.approx(busy / TICKS_PER_S)
    assert found.steal_s == pytest.approx(steal / TICKS_PER_S)


def test_time_of_this_process_only_grows(stat: Path) -> None:
    first = read_cpu((0,), stat).process_s
    sum(range(200_000))
    assert read_cpu((0,), stat).process_s > first


def test_this_machine_can_be_read() -> None:
    core = min(os.sched_getaffinity(0))
    found = read_cpu((core,))
    assert found.busy_s > 0
    assert read_cpu((core,)).busy_s >= found.busy_s


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Two processes; the name of the second one is meant to confuse."""
    made = {
        "7": ("(python)", 300, 40),
        "8": ("(a) R 1 2 (b c)", 50, 10),
    }
    for pid, (name, user, system) in made.items():
        (tmp_path / pid).mkdir()
        before = "S 1 7 7 0 -1 4194304 900 0 0 0"
        stat = f"{pid} {name} {before} {user} {system} 9999 9999 20 0 4 0 12345\n"
        (tmp_path / pid / "stat").write_text(stat)
    return tmp_path


def test_time_of_processes_without_that_of_their_ended_children(proc: Path) -> None:
    assert cpu_seconds([7], proc) == pytest.approx(340 / TICKS_PER_S)
    assert cpu_seconds([7, 8], proc) == pytest.approx(400 / TICKS_PER_S)


def test_processes_below_processes(proc: Path) -> None:
    for pid, task, children in (
        *(("7", "7", "8 11 "), ("7", "70", "12"), ("8", "8", ""), ("12", "12", "13 ")),
    ):
        folder = proc / pid / "task" / task
        folder.mkdir(parents=True)
        (folder / "children").write_text(children)
    (proc / "7" / "task" / "71").mkdir()  # a thread that has just ended
    assert sorted(descendants([7], proc)) == [7, 8, 11, 12, 13]
    assert descendants([8, 7, 8], proc)[:2] == [8, 7], "each once"
    assert descendants([99], proc) == [99]


BUSY = """
import os, time
if not os.fork():
    os.fork()
end = time.process_time() + 0.2
while time.process_time() < end: pass
print(end="x", flush=True)
time.sleep(60)
"""


def test_what_this_process_has_started_counts_as_its_own() -> None:
    """Three processes with 0.2 s each; the time of loaders would be others' if it were not."""
    before = read_cpu((0,)).process_s
    words = (sys.executable, "-S", "-c", BUSY)
    with subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True) as started:
        try:
            assert started.stdout
            assert started.stdout.read(3) == b"xxx"
            assert len(descendants([started.pid])) == 3
            assert read_cpu((0,)).process_s - before >= 0.6
            assert running_s(descendants([started.pid])) >= 0.6
        finally:
            os.killpg(started.pid, signal.SIGKILL)
    assert read_cpu((0,)).process_s - before >= 0.2, "what it has waited for stays"
    assert running_s([started.pid]) == 0


def test_processes_that_have_ended_count_nothing(proc: Path) -> None:
    assert cpu_seconds([9, 8], proc) == pytest.approx(60 / TICKS_PER_S)
    assert cpu_seconds([], proc) == 0


def test_this_process_can_be_watched() -> None:
    assert cpu_seconds([os.getpid()]) > 0


def test_time_that_threads_waited_for_a_core(tmp_path: Path) -> None:
    """Of all threads of all processes; none of it where the kernel counts nothing."""
    for pid, task, text in (
        ("7", "7", "900 250 4"),
        ("7", "70", "100 1750 9"),
        ("8", "8", "1 0 1"),
    ):
        (tmp_path / pid / "task" / task).mkdir(parents=True)
        (tmp_path / pid / "task" / task / "schedstat").write_text(f"{text}\n")
    assert waited_s([7, 8, 99], tmp_path) == pytest.approx(2000 / 1e9)
    (tmp_path / "9" / "task" / "9").mkdir(parents=True)
    (tmp_path / "9" / "task" / "9" / "schedstat").write_text("0 0 0\n")
    assert waited_s([9], tmp_path) is None
    assert waited_s([99], tmp_path) is None
