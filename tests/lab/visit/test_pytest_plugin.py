"""The plugin that tells how each test ended."""

import json
import os
from types import SimpleNamespace

import pytest

from resnext_bench.lab.visit.pytest_plugin import pytest_runtest_logreport


def test_a_line_for_each_test(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setenv("TELLING", str(writing))
    for when, outcome, longrepr in (
        ("setup", "passed", None),
        ("call", "passed", None),
        ("teardown", "passed", None),
        ("setup", "skipped", ("file.py", 3, "Skipped: no CUDA GPU here")),
        ("call", "failed", "long\nE assert 1 == 2"),
        ("setup", "failed", "no fixture"),
    ):
        pytest_runtest_logreport(
            SimpleNamespace(
                when=when,
                outcome=outcome,
                longrepr=longrepr,
                longreprtext=str(longrepr),
                nodeid="test_x",
            )
        )
    os.close(writing)
    with os.fdopen(reading) as lines:
        told = [json.loads(line) for line in lines]
    assert [(one["outcome"], one["why"]) for one in told] == [
        ("passed", ""),
        ("skipped", "no CUDA GPU here"),
        ("failed", "E assert 1 == 2"),
        ("failed", "no fixture"),
    ]
