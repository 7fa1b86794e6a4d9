"""Start-up: `--help` beside a Typer app with as many empty commands, in turn."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import typer

from resnext_bench.cli.main import app
from resnext_bench.lab.bench.intervals import Pairs
from resnext_bench.lab.commands import groups_in, names_in
from resnext_bench.session.turns.blocks import in_turn


def empty_app(group: typer.Typer, name: str = "app") -> list[str]:
    """Return the lines of a program with the same commands in the same groups, all empty."""
    lines = [f"{name} = typer.Typer(add_completion=False)"]
    for number, told in enumerate(names_in(group)):
        lines += [f"@{name}.command({told!r})", f"def {name}_{number}() -> None: ..."]
    for number, (told, inside) in enumerate(groups_in(group)):
        inner = f"{name}_group_{number}"
        lines += empty_app(inside, inner)
        lines.append(f"{name}.add_typer({inner}, name={told!r})")
    return lines


def startup_pairs(pairs: int) -> Pairs:
    """Return pairs of (ours, empty) in seconds of a whole process."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text("\n".join(["import typer", *empty_app(app), "app()"]))
        program = Path(sys.executable).with_name("resnext-bench")
        ours = (sys.executable, str(program), "--help")
        theirs = (sys.executable, str(empty), "--help")
        # The first pair compiles, as the first start after an installation does for a user.
        variables = {**os.environ, "PYTHONPYCACHEPREFIX": f"{folder}/compiled"}
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        sides = [partial(_seconds, one, variables) for one in (ours, theirs)]
        return [(our_s, empty_s) for our_s, empty_s in in_turn(sides, pairs + 1)[1:]]


def _seconds(command: Sequence[str], variables: Mapping[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=variables)
    return time.perf_counter() - start
