"""The program as its users run it: the installed command, in a folder of theirs."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resnext_bench.rankfile import Phase, RankFile

SMALL = (
    *("--model", "resnext14_4x4d", "--image-size", "32", "--batch-size", "2"),
    *("--warm-up", "2", "--allow-unsure", "--allow-invalid"),
)
"""The least that is still training."""
END_S = 60
"""A program that was told to end has ended by then."""
_INSTALLED = Path(sys.executable).with_name("resnext-bench")
PROGRAM = (
    (str(_INSTALLED),) if _INSTALLED.exists() else (sys.executable, "-m", "resnext_bench.cli.main")
)
"""A GPU's machine may have but a checkout, on PYTHONPATH."""


def run(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        (*PROGRAM, *arguments),
        cwd=cwd,
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=240,
    )


@contextmanager
def started(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a command; a test that fails leaves it to no other."""
    program = subprocess.Popen(
        (*PROGRAM, *arguments),
        cwd=cwd,
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield program
    finally:
        if program.poll() is None:
            program.terminate()
            program.communicate(timeout=END_S)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The caller's own, without the limit that tests put on threads."""
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return {**inherited, **variables}


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Poll until `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def rank_files(root: Path) -> list[RankFile]:
    """Files of all ranks below a runs folder that have been made so far."""
    files = (RankFile.open(path) for path in sorted(root.rglob("rank-*.bin")))
    return [file for file in files if file]


def in_window(root: Path, ranks: int) -> bool:
    """Whether all ranks are in their timed window."""
    files = rank_files(root)
    return len(files) == ranks and all(file.phase is Phase.TIMED for file in files)


def left_over(root: Path) -> list[str]:
    """Command lines of processes that still work for a run below `root`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if os.fsencode(root) in words:
            found.append(words.replace(b"\0", b" ").decode())
    return found


def record(root: Path) -> dict[str, Any]:
    """The one record below a runs folder, read as any other program would."""
    (path,) = root.glob("*/record.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found
