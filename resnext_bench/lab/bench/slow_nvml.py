"""A driver that takes time for every answer, for machines without a GPU."""

import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, Final

from resnext_bench.machine.gpu import nvml
from resnext_bench.machine.gpu.track import Track
from resnext_bench.machine.gpu.watch import GpuWatch

QUESTION_S: Final = 1e-3
_ANSWERS: Final[dict[str, Any]] = {
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=99, memory=60),
    "nvmlDeviceGetProcessUtilization": [],
    "nvmlDeviceGetCurrentClocksEventReasons": 0,
    "nvmlDeviceGetRemappedRows": (0, 0, 0, 0),
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
