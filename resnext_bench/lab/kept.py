"""The results of a program of the lab: one JSON file, with the conditions of its measurement."""

import argparse
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from resnext_bench.lab.checkout import RESULTS, ROOT
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.store.files import write_atomically

Kept = dict[str, Any]
"""Content of the JSON file; only the program that wrote it knows its structure."""


def parser_for(program: str, doc: str | None) -> argparse.ArgumentParser:
    """Return the parser of a program of the lab, which stores its results in `--json`."""
    parser = argparse.ArgumentParser(
        prog=f"python -m resnext_bench.lab.{program}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep what is measured there")
    return parser


def count_by_case(cases: Sequence[str]) -> dict[str, int]:
    """Return how often each case is wanted, from texts like `aa=50`."""
    return {case: int(n) for case, _, n in (one.partition("=") for one in cases)}


def read(path: Path | None) -> Kept | None:
    """Return what was stored before; None where there is nothing yet."""
    if path is None or not path.exists():
        return None
    found: Kept = json.loads(path.read_text())
    return found


def read_same(path: Path | None, facts: Kept) -> Kept | None:
    """Return what was stored before under the same conditions, which must not be mixed with others.

    The day may differ. Raises SystemExit where anything else does.
    """
    kept = read(path)
    if kept is None:
        return None
    if any(kept.get(name) != value for name, value in facts.items() if name != "date"):
        raise SystemExit(f"{path} holds other conditions; name another file, or remove it")
    return kept


def read_result(name: str) -> Kept:
    """Return one of the files that are committed under docs/results."""
    found: Kept = json.loads((RESULTS / f"{name}.json").read_text())
    return found


def store(path: Path | None, kept: Kept, *, indent: int | None = 1) -> None:
    """Write all of it at once, so that an interruption leaves a whole file."""
    if path is not None:
        write_atomically(path, json.dumps(kept, indent=indent).encode() + b"\n")


def today() -> str:
    """Return the day in ISO 8601, UTC."""
    return datetime.now(UTC).date().isoformat()


def this_second() -> str:
    """Return the moment in ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def hardware(*, whole: bool = False) -> str:
    """Return the processor and the cores that may be used.

    With `whole`, return all of its cores: a program that states for each case how many it had, and
    can go on under `taskset`, is still on the same machine there.
    """
    machine = inspect()
    return f"{machine.cpu_name}, {os.cpu_count() if whole else machine.usable_cores} cores"


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python and of these packages."""
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


@cache
def revision() -> str:
    """Return the commit of the code that measures, with a mark where files were changed."""
    asked = ("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
