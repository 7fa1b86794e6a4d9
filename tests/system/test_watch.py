"""A session that does not move is ended, and said to be stuck."""

import sys
from pathlib import Path

import pytest

from resnext_bench.job import SessionFolder
from resnext_bench.launch import watch
from resnext_bench.launch.commands import NodeCommand
from resnext_bench.launch.watch import SessionFailed, run_session
from resnext_bench.rankfile import Phase, RankFile
from tests.system.program import left_over, wait_until

pytestmark = pytest.mark.system


def test_a_session_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PATIENCE_S", 1.0)
    folder = SessionFolder(tmp_path)
    for path in (folder.ranks, folder.logs):
        path.mkdir()
    file = RankFile.create(folder.rank_file(0), rank=0, pid=1, warm_up=1, steps=2)
    file.phase = Phase.DATA
    command = NodeCommand(
        node=0,
        argv=(sys.executable, "-c", "import time; time.sleep(600)", str(tmp_path)),
        environment={},
        cores=(0,),
    )
    with pytest.raises(
        SessionFailed, match="nothing has moved for 1 s: rank 0 is stuck while opening the data"
    ):
        run_session([command], folder, lambda _: None)
    wait_until(lambda: not left_over(tmp_path), seconds=5)
