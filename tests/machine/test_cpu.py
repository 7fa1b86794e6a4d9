"""Kernel counters, read from a file written by hand."""

import os
from pathlib import Path

import pytest

from bench.machine.cpu import peak_memory_gib, read_cpu, reset_peak_memory

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


def test_peak_memory_covers_what_was_touched() -> None:
    reset_peak_memory()
    before = peak_memory_gib()
    block = bytearray(64 * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    assert peak_memory_gib() - before > 0.75 * len(block) / 2**30
