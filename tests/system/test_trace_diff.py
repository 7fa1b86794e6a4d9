"""Two profiled runs that differ in one option, compared as their users compare them."""

import json
from pathlib import Path

import msgspec
import pytest

from resnext_bench.reports.schema.trace_diff import TraceDiff
from tests.reports.trace.differences.programs import adds_up, as_they_are, turned
from tests.system.program import SMALL, run

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_a_run_in_another_memory_format(tmp_path: Path) -> None:
    ids = []
    for option in ("--channels-last", "--no-channels-last"):
        words = ("run", *SMALL, option, "--pipeline", "synthetic", "--steps", "2", "--profile")
        done = run(*words, "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        ids.append(json.loads(done.stdout)["id"])
    found = compared(ids[0], ids[1], tmp_path)
    adds_up(found)
    assert turned(found) == as_they_are(compared(ids[1], ids[0], tmp_path))
    assert found.matched_by == "modules"
    moved = [row for row in found.rows if "memory format" in row.changed and row.a and row.b]
    assert {one for row in moved if row.a for one in row.a.formats} == {"NHWC"}
    assert {one for row in moved if row.b for one in row.b.formats} == {"NCHW"}
    assert "layer1.0.conv1" in {one for row in moved if row.a for one in row.a.modules}
    itself = compared(ids[0], ids[0], tmp_path)
    assert (itself.delta_ns, itself.rows, itself.verdict) == (0, [], "same")


def compared(a: str, b: str, folder: Path) -> TraceDiff:
    done = run("trace", "diff", a, b, "--json", cwd=folder)
    assert done.returncode in (0, 1), done.stderr
    found = msgspec.json.decode(done.stdout, type=TraceDiff)
    assert done.returncode == int(found.is_beyond)
    return found
