"""A watch in a process of its own, as the launching program is: `python -m ... RANK_FILE`.

It looks DOSE times as often as a run's watch while the rank trains, and at nothing while the other
side of a duet has the token. It may use every core of the machine, and loads no torch. Its driver
is simulated and takes time for every answer, so that no GPU is needed.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from resnext_bench.launch.watch import POLL_S
from resnext_bench.machine.gpu import nvml
from resnext_bench.machine.gpu.track import Track
from resnext_bench.machine.gpu.watch import GpuWatch
from resnext_bench.machine.host.process import die_with_parent
from resnext_bench.rankfile import Mark, RankFile

DOSE: Final = 20
"""How many times as often as in a run the watch looks: a core is then busy for a fifth of the time,
which a duet can see on a noisy machine."""
FRESH_S: Final = 0.05
"""Age of a rank's last step, s, above which it does not have the token; a step of `small_worker`
takes 4 ms."""
QUESTION_S: Final = 1e-3
"""Time that the simulated driver takes for an answer, s."""
_ANSWERS: Final[dict[str, Any]] = {
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=99, memory=60),
    "nvmlDeviceGetProcessUtilization": [],
    "nvmlDeviceGetCurrentClocksEventReasons": 0,
}


class SlowNvml:
    """Answers anything, after `spend`; the processes `pids` are on it from the start."""

    def __init__(self, spend: Callable[[], None], pids: Sequence[int] = ()) -> None:
        self._spend = spend
        there = [SimpleNamespace(pid=pid) for pid in pids]
        self._answers = {**_ANSWERS, "nvmlDeviceGetComputeRunningProcesses": there}

    def __getattr__(self, name: str) -> Any:
        def answer(*arguments: object) -> Any:
            self._spend()
            return self._answers.get(name, 1000)

        return answer


def spin() -> None:
    """Compute for as long as a query takes."""
    until = time.perf_counter() + QUESTION_S
    while time.perf_counter() < until:
        pass


def made_watch(spend: Callable[[], None] = spin, pids: Sequence[int] = ()) -> GpuWatch:
    """Return a watch over one simulated GPU."""
    gpu = nvml.Gpu(library=SlowNvml(spend, pids), handle="gpu")
    return GpuWatch(tracks=[Track(gpu=gpu, index=0)])


def watch(path: Path) -> None:
    """Watch until the rank ends."""
    found = made_watch()
    found.start()
    while True:
        time.sleep(POLL_S / DOSE)
        if is_training(path, time.perf_counter_ns()):
            found.sample()


def is_training(path: Path, now_ns: int) -> bool:
    """Return whether the rank has just ended a step."""
    file = RankFile.open(path)
    if file is None or not file.steps_done:
        return False
    last_ns = int(file.marks[file.steps_done - 1, Mark.OPTIMIZER])
    return now_ns - last_ns < 1e9 * FRESH_S


if __name__ == "__main__":
    die_with_parent()
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    watch(Path(sys.argv[1]))
