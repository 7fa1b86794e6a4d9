"""NVML as nvidia-ml-py gives it, played back: what each function answered from which second on.

A recording is plain data, in the units of NVML: `{function: {GPU: [[from_s, answer], ...]}}`. A
function that takes more than a handle is named with it, "nvmlDeviceGetClockInfo(1)"; GPU "*" is any
other. `{"error": 15}` is raised as pynvml raises it. What is not in a recording is not supported.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pynvml

Recording = dict[str, dict[str, list[list[Any]]]]

UNINITIALIZED, NOT_SUPPORTED, NOT_FOUND, LOST, RESET_REQUIRED = 1, 3, 6, 15, 16


def _process(pid: int) -> Any:
    fields = {"pid": pid, "usedGpuMemory": 2**30, "gpuInstanceId": 2**32 - 1}
    return pynvml.nvmlFriendlyObject(fields | {"computeInstanceId": 2**32 - 1})


def _use(sample: list[int]) -> Any:
    pid, sm = sample
    return pynvml.c_nvmlProcessUtilizationSample_t(pid=pid, timeStamp=0, smUtil=sm)


def _uses(samples: list[list[int]]) -> list[Any]:
    if not samples:  # pynvml has no empty list here
        raise pynvml.NVMLError(NOT_FOUND)
    return [_use(sample) for sample in samples]


TYPES: dict[str, Callable[[Any], Any]] = {
    "nvmlDeviceGetUtilizationRates": lambda both: pynvml.c_nvmlUtilization_t(*both),
    "nvmlDeviceGetComputeRunningProcesses": lambda pids: [_process(pid) for pid in pids],
    "nvmlDeviceGetProcessUtilization": _uses,
    "nvmlDeviceGetMemoryInfo": lambda total: pynvml.c_nvmlMemory_t(total=total, free=total),
}
"""Answers that are no numbers, texts or lists of these."""


class RecordedNvml:
    """Stands for the module pynvml; handles are the indices of nvidia-smi."""

    NVMLError = pynvml.NVMLError

    def __init__(self, recording: Recording, gpus: int = 2) -> None:
        self.recording, self.gpus = recording, gpus
        self.now_s = 0.0
        self.asked: list[str] = []
        self.is_open = True
        """Whether it answers: after nvmlShutdown it does not."""

    def __getattr__(self, name: str) -> Any:
        if not hasattr(pynvml, name):  # a name that was never nvidia-ml-py's
            raise AttributeError(name)
        return lambda *arguments: self._answer(name, *arguments)

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return self.gpus

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        self._fail_if_lost(index)
        return index

    def nvmlDeviceGetIndex(self, handle: int) -> int:  # noqa: N802
        self._fail_if_lost(handle)
        return handle

    def nvmlDeviceGetUUID(self, handle: int) -> str:  # noqa: N802
        return f"GPU-{handle:08x}"

    def _fail_if_lost(self, index: int) -> None:
        """A GPU that fell off its bus has no handle either (NVML reference)."""
        told = self.recording.get("nvmlDeviceGetName", {})
        answer = self._at_present(told.get(str(index), told.get("*", [])))
        if isinstance(answer, dict) and answer["error"] in (LOST, RESET_REQUIRED):
            raise pynvml.NVMLError(answer["error"])

    def _answer(self, name: str, *arguments: Any) -> Any:
        self.asked.append(name)
        if not self.is_open:
            raise pynvml.NVMLError(UNINITIALIZED)
        asked = name
        if name in ("nvmlDeviceGetClockInfo", "nvmlDeviceGetMaxClockInfo"):
            asked = f"{name}({arguments[1]})"
        told = self.recording.get(asked, {})
        gpu = str(arguments[0]) if arguments else "*"
        answer = self._at_present(told.get(gpu, told.get("*", [])))
        if isinstance(answer, dict):
            raise pynvml.NVMLError(answer["error"])
        return TYPES.get(name, lambda same: same)(answer)

    def _at_present(self, answers: list[list[Any]]) -> Any:
        past = [answer for from_s, answer in answers if from_s <= self.now_s]
        return past[-1] if past else {"error": NOT_SUPPORTED}

    @contextmanager
    def session(self) -> Iterator["RecordedNvml"]:
        """In the place of `resnext_bench.machine.gpu.nvml.session`."""
        self.is_open = True
        try:
            yield self
        finally:
            self.is_open = False


def always(answer: Any) -> dict[str, list[list[Any]]]:
    """The same of every GPU at all times."""
    return {"*": [[0.0, answer]]}


def counter(watts: float, seconds: float = 60.0, every_s: float = 0.1) -> list[list[Any]]:
    """Millijoules since the driver was loaded, brought up to date ten times a second."""
    ticks = range(int(seconds / every_s) + 1)
    return [[tick * every_s, 10**12 + round(1000 * watts * every_s * tick)] for tick in ticks]


QUIET: Recording = {
    "nvmlSystemGetDriverVersion": always("610.43.02"),
    "nvmlSystemGetCudaDriverVersion_v2": always(13020),
    "nvmlDeviceGetName": always("NVIDIA H200"),
    "nvmlDeviceGetMemoryInfo": always(150_754_820_096),
    "nvmlDeviceGetCudaComputeCapability": always([9, 0]),
    "nvmlDeviceGetMaxClockInfo(1)": always(1980),
    "nvmlDeviceGetMaxClockInfo(2)": always(3201),
    "nvmlDeviceGetEnforcedPowerLimit": always(700_000),
    "nvmlDeviceGetPowerManagementDefaultLimit": always(700_000),
    "nvmlDeviceGetEccMode": always([1, 1]),
    "nvmlDeviceGetPersistenceMode": always(1),
    "nvmlDeviceGetMigMode": always([0, 0]),
    "nvmlDeviceIsMigDeviceHandle": always(0),
    "nvmlDeviceGetComputeMode": always(0),
    "nvmlDeviceGetCurrentClocksEventReasons": always(0),
    "nvmlDeviceGetClockInfo(1)": always(1980),
    "nvmlDeviceGetClockInfo(2)": always(3201),
    "nvmlDeviceGetPowerUsage": always(650_000),
    "nvmlDeviceGetTotalEnergyConsumption": {"*": counter(650)},
    "nvmlDeviceGetTemperature": always(54),
    "nvmlDeviceGetUtilizationRates": always([99, 60]),
    "nvmlDeviceGetComputeRunningProcesses": always([]),
    "nvmlDeviceGetProcessUtilization": always([]),
}
"""Two H200 under load, ranks' processes not visible, as in a container."""


def lost_at(seconds: float, gpu: int, error: int = LOST) -> Recording:
    """QUIET until one GPU falls off its bus: from then on every question about it fails."""
    return {
        name: {**told, str(gpu): [*_until(seconds, told["*"]), [seconds, {"error": error}]]}
        for name, told in QUIET.items()
        if name.startswith("nvmlDevice")
    } | {name: told for name, told in QUIET.items() if name.startswith("nvmlSystem")}


def _until(seconds: float, answers: list[list[Any]]) -> list[list[Any]]:
    return [[from_s, answer] for from_s, answer in answers if from_s < seconds]


def without(*names: str) -> Recording:
    """QUIET less what a board, a vGPU or a MIG device does not support."""
    return {name: told for name, told in QUIET.items() if name not in names}
