"""cuDNN's frontend as a script, for this process and those that it starts."""

import os
import sys
from pathlib import Path

import pytest

SCRIPTED = str(Path(__file__).with_name("scripted"))


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delitem(sys.modules, "cudnn", raising=False)
    monkeypatch.syspath_prepend(SCRIPTED)
    path = os.pathsep.join(filter(None, (SCRIPTED, os.environ.get("PYTHONPATH", ""))))
    monkeypatch.setenv("PYTHONPATH", path)
    return monkeypatch
