"""Commands of the program, and what is told of those that fail."""

from pathlib import Path

import pytest

from resnext_bench.lab.visit import program
from resnext_bench.lab.visit.program import Failed, recorded
from resnext_bench.lab.visit.tasks import TimeUp
from tests.lab.visit.made import made_box

pytestmark = pytest.mark.system


def test_a_refusal_is_told_by_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(
        Failed, match="run: error: --model: unknown model 'resnet'; did you mean resnet50"
    ):
        recorded("run", "--model", "resnet", box=made_box(tmp_path))


def test_a_command_that_takes_too_long_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its users do, so that it cleans up behind itself."""
    monkeypatch.setattr(program, "COMMAND", ("python3", "-c", _ENDLESS))
    with pytest.raises(TimeUp):
        recorded("run", box=made_box(tmp_path, seconds=0))


_ENDLESS = """
import sys, time
try:
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(130)
"""
