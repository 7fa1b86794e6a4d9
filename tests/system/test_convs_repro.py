"""`convs repro` as it is typed: a script that runs without this program."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.typed import Typed

pytestmark = pytest.mark.system


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    monkeypatch.setenv("COLUMNS", "80")
    return Typed(monkeypatch, capsys, "convs", "repro")


def test_the_script_of_a_layer_runs_alone(typed: Typed, tmp_path: Path) -> None:
    path = tmp_path / "repro.py"
    layer = ("resnext50_32x4d", "--layer", "layer4.1.conv2", "--batch-size", "2")
    code, out, err = typed(*layer, "--operation", "weight-gradient", "--output", path)
    assert (code, out) == (0, "")
    assert err == f"{path}: run it with python {path}\n"
    assert typed(*layer, "--operation", "weight-gradient")[1] == path.read_text()
    assert "resnext_bench" not in path.read_text()

    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        (sys.executable, "-P", str(path)), cwd=tmp_path, env=bare, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("torch ")
    assert any(line.startswith(("plan 1: eng", "plans cannot be listed")) for line in lines)
    (choice, *_) = (line for line in lines if " off from float64" in line)
    assert choice.startswith("benchmark=False, limit=10: ")
    assert float(choice.rpartition(": ")[2].split()[0]) < 0.01


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("resnext50_32x4d",), "a script is for one convolution; name it by --layer: layer1.0"),
        ((), "name a network"),
        (("--shape", "2x8x9x9", "--operation", "backward"), "choose from forward"),
    ],
)
def test_what_is_refused(typed: Typed, arguments: tuple[str, ...], what: str) -> None:
    code, out, err = typed(*arguments)
    assert (code, out) == (2, "")
    assert what in " ".join(err.split())
