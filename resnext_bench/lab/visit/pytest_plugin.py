"""A plugin of pytest that reports how each test ended on a line of its own, as soon as it has.

`pytest -p resnext_bench.lab.visit.pytest_plugin`; the lines go to the descriptor that $TELLING
names.
"""

import json
import os
from typing import Any


def pytest_runtest_logreport(report: Any) -> None:
    """Write how a test ended: by its call, or by another phase if that one fails or skips."""
    if report.when == "call" or report.outcome != "passed":
        why = ""
        if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
            why = str(report.longrepr[2]).removeprefix("Skipped: ")
        elif report.outcome == "failed":
            why = report.longreprtext.strip().rpartition("\n")[2]
        line = json.dumps({"test": report.nodeid, "outcome": report.outcome, "why": why})
        os.write(int(os.environ["TELLING"]), line.encode() + b"\n")
