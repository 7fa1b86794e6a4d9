"""The rank file as heartbeat and crash copy."""

import os
import subprocess
import sys
from pathlib import Path

from resnext_bench.launch.watch import progress_of
from resnext_bench.rankfile import Mark, Phase, RankFile

DYING = """
import os, signal
from pathlib import Path
from resnext_bench.rankfile import Mark, Phase, RankFile
file = RankFile.create(Path({path!r}), rank=3, pid=os.getpid(), warm_up=2, steps=6)
file.phase = Phase.TIMED
for step in range(4):
    file.marks[step, Mark.OPTIMIZER] = 1_000_000_000 * (step + 1)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_survives_the_death_of_its_rank(tmp_path: Path) -> None:
    path = tmp_path / "rank-3.bin"
    subprocess.run((sys.executable, "-c", DYING.format(path=str(path))), check=False)
    file = RankFile.open(path)
    assert file is not None
    assert (file.rank, file.phase, file.steps_done) == (3, Phase.TIMED, 4)
    assert file.pid != os.getpid()
    progress = progress_of(file)
    assert (progress.done, progress.total, progress.rate) == (2, 6, 1.0)


def test_warm_up_counts_on_its_own(tmp_path: Path) -> None:
    file = RankFile.create(tmp_path / "rank-0.bin", rank=0, pid=1, warm_up=4, steps=6)
    file.phase = Phase.WARM_UP
    file.marks[0, Mark.OPTIMIZER] = 5
    progress = progress_of(file)
    assert (progress.done, progress.total, progress.rate) == (1, 4, 0.0)


def test_what_is_not_there_or_not_ours_is_none(tmp_path: Path) -> None:
    assert RankFile.open(tmp_path / "none.bin") is None
    (tmp_path / "empty.bin").touch()
    assert RankFile.open(tmp_path / "empty.bin") is None
    (tmp_path / "other.bin").write_bytes(bytes(640))
    assert RankFile.open(tmp_path / "other.bin") is None
