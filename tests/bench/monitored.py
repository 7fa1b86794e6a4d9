"""The worker of `small` with a watch beside it (`beside`), which side a of the duet lacks."""

import subprocess
import sys

from resnext_bench.worker.entry import Rank, enter
from tests.bench.small import run_small


def run_monitored(rank: Rank) -> None:
    file = rank.folder.rank_file(rank.rank)
    watching = subprocess.Popen((sys.executable, "-m", "tests.bench.beside", str(file)))
    try:
        run_small(rank)
    finally:
        watching.kill()
        watching.wait()


if __name__ == "__main__":
    enter("tests.bench.monitored:run_monitored")
