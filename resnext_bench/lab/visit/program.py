"""Runs the program as its users do, from a checkout that need not be installed."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from resnext_bench.lab.visit.tasks import Box, TimeUp

COMMAND: Final = (sys.executable, "-m", "resnext_bench.cli.main")
STDOUT: Final = "stdout"
STDERR: Final = "stderr"
SPARE_S: Final = 2.0
"""Seconds of the box that are left when a command that takes too long is ended."""
UNSURE: Final = 3
"""Exit code of a command that can't tell; it still gives a record."""
INTERRUPTED: Final = 130


class Failed(RuntimeError):
    """Raised where a command gave no record; the text is the last thing that it wrote."""


def recorded(*arguments: str, box: Box) -> dict[str, Any]:
    """Return the record that a command prints with --json, run in a temporary folder.

    Raises TimeUp where the box ends first, and Failed.
    """
    with tempfile.TemporaryDirectory(prefix="gpu-kit-") as name:
        folder = Path(name)
        code = _ended(arguments, folder, box.left_s - SPARE_S)
        found, said = ((folder / file).read_text() for file in (STDOUT, STDERR))
    if code == INTERRUPTED:
        raise TimeUp
    if code not in (0, UNSURE) or not found:
        raise Failed(f"{arguments[0]}: {_reason(said) or f'it ended with code {code}'}")
    record: dict[str, Any] = json.loads(found)
    return record


def _reason(said: str) -> str:
    """Return the line with the error, else the last one with any words."""
    lines = [line.strip("│ ") for line in said.splitlines() if any(map(str.isalpha, line))]
    errors = [line for line in lines if "error:" in line or line.startswith("interrupted")]
    return (errors or lines or [""])[-1]


def _ended(arguments: tuple[str, ...], folder: Path, seconds: float) -> int:
    """Run a command; if it does not end in time, interrupt it as by Ctrl-C: it cleans up then."""
    with (folder / STDOUT).open("w") as told, (folder / STDERR).open("w") as said:
        process = subprocess.Popen(
            (*COMMAND, *arguments, "--json"),
            cwd=folder,
            env={**os.environ, "RESNEXT_BENCH_RUNS": str(folder / "runs")},
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=said,
        )
    try:
        return process.wait(max(1.0, seconds))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        return process.wait(SPARE_S + 10)
    finally:
        if process.poll() is None:
            process.kill()
