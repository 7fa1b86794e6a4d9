"""Start-up: `--help` beside a Typer app with as many empty commands, in turn."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.session.blocks import alternate

EMPTY = """
import typer
app = typer.Typer(add_completion=False)
runs = typer.Typer()
app.add_typer(runs, name="runs")
@app.callback()
def root() -> None: ...
@app.command()
def run() -> None: ...
@runs.command("list")
def list_runs() -> None: ...
@runs.command("show")
def show() -> None: ...
@runs.command("rerun")
def rerun() -> None: ...
@runs.command("schema")
def schema() -> None: ...
app()
"""


def startup_pairs(pairs: int) -> list[tuple[float, float]]:
    """Every pair is (ours, empty) in seconds of a whole process."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY)
        program = Path(sys.executable).with_name("resnext-bench")
        ours = (sys.executable, str(program), "--help")
        theirs = (sys.executable, str(empty), "--help")
        return alternate(lambda: _seconds(ours), lambda: _seconds(theirs), pairs + 1)[1:]


def _seconds(command: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start
