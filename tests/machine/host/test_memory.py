"""Memory as the kernel tells it, of files written by hand and of this process."""

import mmap
import os
from pathlib import Path

import pytest

from resnext_bench.machine.host import memory
from resnext_bench.machine.host.memory import (
    available_memory_gib,
    peak_memory_gib,
    peak_resident_gib,
    reset_peak_memory,
    shared_memory,
)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Two processes, of 2 GiB and of half a GiB at most."""
    for pid, peak_kib in (("7", 2 * 2**20), ("8", 2**19)):
        (tmp_path / pid).mkdir()
        status = f"Name:\tx\nVmPeak:\t99999999 kB\nVmHWM:\t{peak_kib:8} kB\nVmRSS:\t1 kB\n"
        (tmp_path / pid / "status").write_text(status)
    (tmp_path / "meminfo").write_text(
        "MemTotal: 16000000 kB\nMemFree: 1 kB\nMemAvailable:    3145728 kB\nBuffers: 5 kB\n"
    )
    return tmp_path


def test_peak_memory_covers_what_was_touched() -> None:
    reset_peak_memory()
    before = peak_memory_gib()
    with mmap.mmap(-1, 64 * 2**20) as block:  # the heap may have as much that is free
        for page in range(0, len(block), mmap.PAGESIZE):
            block[page] = 1
        assert peak_memory_gib() - before > 0.75 * len(block) / 2**30


def test_peaks_of_processes_add_up(proc: Path) -> None:
    assert peak_resident_gib([7, 8], proc) == pytest.approx(2.5)
    assert peak_resident_gib([9], proc) == 0


def test_memory_without_swapping(proc: Path) -> None:
    assert available_memory_gib(proc) == pytest.approx(3.0)


def test_this_machine_can_be_read() -> None:
    assert peak_resident_gib([os.getpid()]) > 0.01
    assert available_memory_gib() > 0


def test_the_file_system_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shared_memory(tmp_path)
    assert found.total
    assert 0 < found.free <= found.total
    assert not list(tmp_path.iterdir())

    def unlimited(path: Path) -> os.statvfs_result:
        return os.statvfs_result((4096, 4096, 0, 0, 0, 0, 0, 0, 0, 255))

    monkeypatch.setattr(memory.os, "statvfs", unlimited)
    assert shared_memory(tmp_path).holds(2**60)


def test_a_file_is_no_place_for_shared_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "file cannot be written: Not a dir" in shared_memory(tmp_path / "file").problem
