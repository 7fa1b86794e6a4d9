"""`small_worker` with a watch beside it (`watch_beside`), which side a of the duet lacks."""

import subprocess
import sys

from resnext_bench.lab.campaigns.small_worker import run_small
from resnext_bench.worker.entry import Rank, enter


def run_monitored(rank: Rank) -> None:
    """Train with the watch beside it, and end the watch whatever happens."""
    file = rank.folder.rank_file(rank.rank)
    watching = subprocess.Popen(
        (sys.executable, "-m", "resnext_bench.lab.bench.watch_beside", str(file))
    )
    try:
        run_small(rank)
    finally:
        watching.kill()
        watching.wait()


if __name__ == "__main__":
    enter("resnext_bench.lab.bench.monitored_worker:run_monitored")
