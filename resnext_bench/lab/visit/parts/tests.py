"""The tests that need a GPU, by pytest in a process of its own; outcomes are stored at once."""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Final

from resnext_bench.lab.visit.tasks import Box, Findings, Planned, Skip

ROOM_S: Final = 10.0
COMMAND: Final = (
    *(sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=short"),
    *("-m", "gpu", "-p", "resnext_bench.lab.visit.pytest_plugin", "tests/gpu"),
)
SPARE_S: Final = 2.0
"""Seconds of the box that are left for pytest to end."""


def tasks(box: Box) -> list[Planned]:
    """Return a single task, as all tests share the start of pytest."""
    return [Planned(key="pytest", run=lambda findings: _run(box, findings), room_s=ROOM_S)]


def _run(box: Box, findings: Findings) -> None:
    """Run all tests that did not pass in an earlier try, and store their outcomes.

    These are those that passed, those that failed with the reason, and those skipped by reason.
    """
    if find_spec("pytest") is None:
        raise Skip("pytest is not installed")
    passed: list[str] = list(findings.before.get("passed", ()))
    failed: dict[str, str] = {}
    skipped: Counter[str] = Counter()
    findings.found |= {"passed": passed, "failed": failed, "skipped": skipped}
    with _started(passed) as (process, lines):
        # Ended by a timer, as reading a line waits for a test that may go on for long.
        timer = threading.Timer(max(0.0, box.left_s - SPARE_S), process.terminate)
        timer.start()
        for line in lines:
            told = json.loads(line)
            if told["outcome"] == "passed":
                passed.append(told["test"])
            elif told["outcome"] == "failed":
                failed[told["test"]] = told["why"]
            else:
                skipped[told["why"]] += 1
            findings.keep()
        timer.cancel()
        code = process.wait()
    if code < 0:
        findings.found["cut"] = True
    elif code not in (0, 1, 5):  # 5: none was collected, as all had passed
        raise RuntimeError(f"pytest ended with code {code}")
    findings.wrong += [f"{test}: {why}" for test, why in failed.items()]


@contextmanager
def _started(passed: Sequence[str]) -> Iterator[tuple[subprocess.Popen[bytes], Any]]:
    """Start pytest without the tests that have passed; yield it, and the lines of its plugin."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        (*COMMAND, *(f"--deselect={test}" for test in passed)),
        pass_fds=(writing,),
        env={**os.environ, "TELLING": str(writing)},
        stdin=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as lines:
        try:
            yield process, lines
        finally:
            process.kill()
            process.wait()
