"""What it takes to read many traces: how much faster two processes are than one, and the memory.

Ranks are links to one file, a real trace that was repeated until it has 250 MB, without what tells
its rank: so their names tell it. The program is started as its users start it, on two cores; the
memory is that of all its processes, each page that they share counted once (PSS), sampled.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from resnext_bench.lab.bench.enlarged import repeat
from resnext_bench.machine.host.cores import descendants

CORES: Final = 2
SOURCE: Final = "mi300x-resnet50-ddp8-rank0.pt.trace.json.gz"
TIMES: Final = 15
"""Repetitions after which the trace has 250 MB."""
_EVERY_S: Final = 0.2
_MB: Final = 1e6
_POINTS: Final = 64
"""Points of a series that are kept."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One run of the program."""

    wall_s: float
    memory_mb: tuple[float, ...]
    """PSS of all its processes, sampled."""
    output: bytes

    @property
    def peak_mb(self) -> float:
        """Return the most memory that was seen."""
        return max(self.memory_mb, default=0.0)


def made(traces: Path, folder: Path, times: int) -> Path:
    """Write the large trace."""
    path = folder / "large.json"
    repeat(traces / SOURCE, path, times, without=("distributedInfo",))
    return path


def linked(large: Path, folder: Path, count: int) -> Path:
    """Make a folder of that many ranks."""
    folder.mkdir()
    for rank in range(count):
        (folder / f"rank{rank}.pt.trace.json").hardlink_to(large)
    return folder


def run(folder: Path, jobs: int, command: str = "ranks") -> Taken:
    """Run the program on a folder, with that many processes, and sample its memory."""
    words = (sys.executable, "-m", "resnext_bench", "trace", command, str(folder))
    began_s = time.perf_counter()
    process = subprocess.Popen(
        (*words, "--jobs", str(jobs), "--json"), stdout=subprocess.PIPE, start_new_session=True
    )
    sampled: list[float] = []
    os.set_blocking(process.stdout.fileno(), False)  # type: ignore[union-attr]
    output = b""
    while process.poll() is None:
        sampled.append(sum(map(_pss_mb, descendants([process.pid]))))
        output += process.stdout.read() or b""  # type: ignore[union-attr]
        time.sleep(_EVERY_S)
    wall_s = time.perf_counter() - began_s
    with process:
        output += process.stdout.read() or b""  # type: ignore[union-attr]
    if process.returncode:
        raise RuntimeError(f"trace {command} ended with {process.returncode}")
    return Taken(wall_s=wall_s, memory_mb=tuple(sampled), output=output)


def _pss_mb(pid: int) -> float:
    """Return the memory of a process; 0 for one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(one.split()[1]) * 1024 / _MB for one in lines if one.startswith("Pss:")), 0.0)


def in_parallel(large: Path, folder: Path, count: int, rounds: int, seed: int) -> dict[str, Any]:
    """Return how much faster two processes read the ranks than one, in alternating rounds."""
    ranks = linked(large, folder / "ranks", count)
    order = random.Random(seed)  # no secret
    ratios: list[float] = []
    one_mb: list[float] = []
    two_mb: list[float] = []
    same = True
    for _ in range(rounds):
        taken = {jobs: run(ranks, jobs) for jobs in order.sample((1, CORES), 2)}
        one, two = taken[1], taken[CORES]
        ratios.append(one.wall_s / two.wall_s)
        one_mb.append(one.peak_mb)
        two_mb.append(two.peak_mb)
        same = same and one.output == two.output
    return {
        "command": "trace ranks",
        "files": count,
        "mb": large.stat().st_size / _MB,
        "rate_two_over_one": ratios,
        "median": median(ratios),
        "peak_one_mb": one_mb,
        "peak_two_mb": two_mb,
        "over_twice_mb": max(two_mb) - 2 * min(one_mb),
        "same_output": same,
    }


def over_files(large: Path, folder: Path, count: int, command: str) -> dict[str, Any]:
    """Return the memory while many files are read, at the beginning and at the end."""
    taken = run(linked(large, folder / f"many-{command}", count), CORES, command)
    memory, quarter = taken.memory_mb, max(1, len(taken.memory_mb) // 4)
    return {
        "command": f"trace {command}",
        "files": count,
        "mb": large.stat().st_size / _MB,
        "peak_first_quarter_mb": max(memory[:quarter]),
        "peak_last_quarter_mb": max(memory[-quarter:]),
        "samples": len(memory),
        "series_mb": _few(memory),
    }


def _few(memory: Sequence[float]) -> list[float]:
    """Return the most of each of equal parts of a series."""
    size = max(1, -(-len(memory) // _POINTS))
    return [round(max(memory[at : at + size]), 1) for at in range(0, len(memory), size)]


def bound() -> None:
    """Keep this process, and all that it starts, on two cores, where there are more."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])


def told(row: dict[str, Any]) -> str:
    """Describe a row in one line."""
    if "median" in row:
        return (
            f"{row['command']}, {row['files']} x {row['mb']:.0f} MB: two processes read "
            f"{row['median']:.2f} x as fast as one; peak {max(row['peak_two_mb']):.0f} MB, of one "
            f"{min(row['peak_one_mb']):.0f} MB ({row['over_twice_mb']:+.0f} MB against twice that)"
        )
    return (
        f"{row['command']}, {row['files']} x {row['mb']:.0f} MB: peak in the first quarter "
        f"{row['peak_first_quarter_mb']:.0f} MB, in the last {row['peak_last_quarter_mb']:.0f} MB"
    )
