"""`convs repro`: a script for one problem, which runs without this program."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from resnext_bench.cli.convs.asking import asked_of, operations_of
from resnext_bench.cli.convs.plan import BATCH
from resnext_bench.cli.terminal.outcome import say
from resnext_bench.convs.problems import Asked
from resnext_bench.convs.repro import script
from resnext_bench.errors import UsageError
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.store.files import write_atomically


def repro_command(given: Mapping[str, Any]) -> int:
    """Write the script to a file, or to standard output."""
    problems = given["problems"]
    asked = asked_of(
        problems, inspect("cpu"), batch=BATCH, dtype=given["dtype"], layout=given["layout"]
    )
    (operation,) = operations_of(given["operation"])
    text = script(_one(asked).convolution, operation, problems["model"] or "")
    path: Path | None = given["output"]
    if path is None:
        sys.stdout.write(text)
        return 0
    write_atomically(path, text.encode())
    say(f"{path}: run it with python {path}")
    return 0


def _one(asked: Sequence[Asked]) -> Asked:
    """Return the only convolution, or raise UsageError."""
    if len(asked) > 1:
        names = ", ".join(one.convolution.layers[0] for one in asked)
        raise UsageError(f"a script is for one convolution; name it by --layer: {names}")
    return asked[0]
