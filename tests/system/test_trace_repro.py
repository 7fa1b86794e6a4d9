"""A script of `trace repro` runs without this program, and times by PyTorch's own Timer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.typed import Typed
from tests.reports.trace.made import Made
from tests.reports.trace.repro.running import CONV
from tests.reports.trace.repro.test_calls import recorded

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_the_script_runs_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    typed = Typed(monkeypatch, capsys, "trace", "repro")
    trace = Made().step(1, 0, 100).op("aten::convolution", 10, 50, **recorded(*CONV))
    path = tmp_path / "repro.py"
    code, *_ = typed(trace.write(tmp_path), "--operator", "1", "--output", path)
    assert code == 0

    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        (sys.executable, "-P", str(path)), cwd=tmp_path, env=bare, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    here, traced, result = done.stdout.splitlines()
    assert float(here.partition(" us (IQR ")[0].split()[-1]) > 0
    assert traced == "in the trace, on a CPU: 50.0 us a call"
    assert result.startswith("right: ")
    assert result.endswith(" off from float64, 0.0001 at most")
