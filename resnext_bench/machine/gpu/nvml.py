"""NVIDIA's management library as a monitor of GPUs: the only place that names its functions."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from resnext_bench.machine.gpu.attachment import Attachment
from resnext_bench.machine.gpu.facts import GpuFacts, GpuLost
from resnext_bench.machine.gpu.nvml_attachment import read_attachment
from resnext_bench.reports.schema.machine import Board

SM_CLOCK: Final = 1
MEMORY_CLOCK: Final = 2
"""Kinds of clock (nvmlClockType_t)."""
CORE_TEMPERATURE: Final = 0
"""Number of the one sensor that all boards have (nvmlTemperatureSensors_t)."""
_NEVER: Final = frozenset({3, 13})
"""NVML_ERROR_NOT_SUPPORTED and _FUNCTION_NOT_FOUND, after which asking again is useless."""
_GONE: Final = frozenset({15, 16})
"""NVML_ERROR_GPU_IS_LOST and _RESET_REQUIRED: the GPU is gone until it is reset."""

_COMPUTE_MODES: Final = {
    0: "default",
    1: "exclusive process",  # once "exclusive thread"; drivers no longer have it
    2: "prohibited",
    3: "exclusive process",
}
"""nvmlComputeMode_t in nvidia-smi's words."""


@contextmanager
def session() -> Iterator[Any]:
    """Yield NVML, initialised, or None where the library or the driver is missing."""
    try:
        import pynvml  # noqa: PLC0415  (an extra, and loading it costs time at start-up)

        pynvml.nvmlInit()
    except Exception:  # the library raises its own types, which exist only once it is there
        yield None
        return
    try:
        yield pynvml
    finally:
        with suppress(Exception):  # of a GPU that was lost, whose end is told elsewhere
            pynvml.nvmlShutdown()


@contextmanager
def opened() -> Iterator["Nvml | None"]:
    """Open NVML as a monitor, or None where there is none."""
    with session() as library:
        yield None if library is None else Nvml(library)


class Nvml:
    """The library and its visible GPUs."""

    def __init__(self, library: Any) -> None:
        """Wrap the initialised module pynvml."""
        self._library = library

    def gpus(self) -> list["Gpu"]:
        """List the GPUs that CUDA_VISIBLE_DEVICES leaves visible, in that order; raise GpuLost."""
        try:
            handles = visible_handles(self._library)
        except self._library.NVMLError as error:
            raise GpuLost(str(error)) from error
        return [Gpu(library=self._library, handle=handle) for handle in handles]

    def versions(self) -> dict[str, str]:
        """Return the versions of the driver and of the newest CUDA that it supports."""
        driver = self._ask("nvmlSystemGetDriverVersion")
        cuda = self._ask("nvmlSystemGetCudaDriverVersion_v2")
        found = {
            "driver": "" if driver is None else str(driver),
            # 13020 is 13.2
            "driver's CUDA": "" if cuda is None else f"{cuda // 1000}.{cuda % 1000 // 10}",
        }
        return {name: text for name, text in found.items() if text}

    def _ask(self, function: str) -> Any:
        """Return the answer of a function about the host, or None."""
        try:
            return getattr(self._library, function)()
        except Exception:  # NVML's own error types, and functions that an old library lacks
            return None


@dataclass(kw_only=True, slots=True)
class Gpu:
    """One GPU, which may be asked anything: what it does not know is None, never an error."""

    library: Any
    handle: Any
    lost: str = ""
    """The driver's message when the GPU went away."""
    _silent: set[tuple[Any, ...]] = field(default_factory=set)
    """Queries that it will never answer; each would cost as much as one that it does."""

    def ask(self, function: str, *arguments: Any) -> Any:
        """Return the answer of an NVML function to these arguments after the handle."""
        question = (function, *arguments)
        if self.lost or question in self._silent:
            return None
        try:
            return getattr(self.library, function)(self.handle, *arguments)
        except AttributeError:  # an older library
            self._silent.add(question)
        except Exception as error:  # NVML's own types; "not found" is its word for "nobody"
            self._heed(question, error)
        return None

    def _heed(self, question: tuple[Any, ...], error: Exception) -> None:
        code = getattr(error, "value", None)
        if code in _GONE:
            self.lost = str(error)
        elif code in _NEVER:
            self._silent.add(question)

    @property
    def index(self) -> int | None:
        """The index in nvidia-smi."""
        answer = self.ask("nvmlDeviceGetIndex")
        return None if answer is None else int(answer)

    def clocks_down(self) -> int | None:
        """Return bits for what holds the clocks down. Older drivers use another name for it."""
        bits = self.ask("nvmlDeviceGetCurrentClocksEventReasons")
        if bits is None:
            bits = self.ask("nvmlDeviceGetCurrentClocksThrottleReasons")
        return None if bits is None else int(bits)

    def power_w(self) -> float | None:
        """Return the board's power: the mean of a second from Ampere on (not A100), else now."""
        milliwatts = self.ask("nvmlDeviceGetPowerUsage")
        return None if milliwatts is None else milliwatts / 1e3

    def energy_j(self) -> float | None:
        """Return the board's energy since the driver was loaded; from Volta on."""
        millijoules = self.ask("nvmlDeviceGetTotalEnergyConsumption")
        return None if millijoules is None else millijoules / 1e3

    def use_percent(self) -> int | None:
        """Return the share of the last period (up to a second) in which any kernel ran."""
        rates = self.ask("nvmlDeviceGetUtilizationRates")
        return None if rates is None else int(rates.gpu)

    def facts(self) -> GpuFacts:
        """Return name, memory and compute capability; raise GpuLost."""
        library = self.library
        try:
            name = library.nvmlDeviceGetName(self.handle)
            memory = library.nvmlDeviceGetMemoryInfo(self.handle).total / 2**30
            major, minor = library.nvmlDeviceGetCudaComputeCapability(self.handle)
        except library.NVMLError as error:
            raise GpuLost(str(error)) from error
        return str(name), float(memory), (int(major), int(minor))

    def board(self) -> Board:
        """Return the settings of its board."""
        ecc, mode = self.ask("nvmlDeviceGetEccMode"), self.ask("nvmlDeviceGetComputeMode")
        return Board(
            gpus=(),
            uuids=(str(self.ask("nvmlDeviceGetUUID") or ""),),
            name=str(self.ask("nvmlDeviceGetName") or ""),
            sm_max_mhz=self.ask("nvmlDeviceGetMaxClockInfo", SM_CLOCK),
            memory_max_mhz=self.ask("nvmlDeviceGetMaxClockInfo", MEMORY_CLOCK),
            power_limit_w=_watts(self.ask("nvmlDeviceGetEnforcedPowerLimit")),
            default_limit_w=_watts(self.ask("nvmlDeviceGetPowerManagementDefaultLimit")),
            ecc=None if ecc is None else bool(ecc[0]),
            persistence=_switch(self.ask("nvmlDeviceGetPersistenceMode")),
            mig=self._is_mig(),
            compute_mode="" if mode is None else _COMPUTE_MODES.get(mode, f"mode {mode}"),
        )

    def capability(self) -> tuple[int, int] | None:
        """Return its compute capability."""
        found = self.ask("nvmlDeviceGetCudaComputeCapability")
        return None if found is None else (int(found[0]), int(found[1]))

    def attachment(self) -> Attachment:
        """Return where its board is attached."""
        return read_attachment(self.ask)

    def _is_mig(self) -> bool | None:
        """Return whether it is a MIG device, which has no mode of its own."""
        if _switch(self.ask("nvmlDeviceIsMigDeviceHandle")):
            return True
        mode = self.ask("nvmlDeviceGetMigMode")
        return None if mode is None else bool(mode[0])

    def sm_mhz(self) -> int | None:
        """Return the clock of its multiprocessors now."""
        return _whole(self.ask("nvmlDeviceGetClockInfo", SM_CLOCK))

    def memory_mhz(self) -> int | None:
        """Return the clock of its memory now."""
        return _whole(self.ask("nvmlDeviceGetClockInfo", MEMORY_CLOCK))

    def temperature_c(self) -> int | None:
        """Return the temperature of its cores."""
        return _whole(self.ask("nvmlDeviceGetTemperature", CORE_TEMPERATURE))

    def free_gib(self) -> float | None:
        """Return the free memory."""
        memory = self.ask("nvmlDeviceGetMemoryInfo")
        return None if memory is None else float(memory.free) / 2**30

    def residents(self) -> set[int] | None:
        """Return the ids of the processes that compute on it."""
        found = self.ask("nvmlDeviceGetComputeRunningProcesses")
        return None if found is None else {int(process.pid) for process in found}

    def use_by_process(self, since_us: int) -> dict[int, float]:
        """Return the latest share of its time by process, in %, since that wall-clock moment."""
        found = self.ask("nvmlDeviceGetProcessUtilization", since_us) or ()
        return {int(use.pid): float(use.smUtil) for use in found}


def _whole(answer: Any) -> int | None:
    return None if answer is None else int(answer)


def _switch(answer: Any) -> bool | None:
    """Return on, off or None."""
    return None if answer is None else bool(answer)


def _watts(milliwatts: Any) -> float | None:
    """Return watts: NVML counts power in milliwatts."""
    return None if milliwatts is None else milliwatts / 1000


def visible_handles(library: Any) -> list[Any]:
    """Return NVML handles in the order of CUDA_VISIBLE_DEVICES (indices or UUIDs)."""
    count = library.nvmlDeviceGetCount()
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return [library.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
    handles = []
    for entry in (part.strip() for part in wanted.split(",")):
        handle = _handle(library, entry, count)
        if handle is None:  # CUDA ignores everything after the first invalid entry
            break
        handles.append(handle)
    return handles


def _handle(library: Any, entry: str, count: int) -> Any | None:
    if entry.isdigit():
        return library.nvmlDeviceGetHandleByIndex(int(entry)) if int(entry) < count else None
    try:
        return library.nvmlDeviceGetHandleByUUID(entry)  # of a GPU, or of a MIG device
    except library.NVMLError:
        return _by_prefix(library, entry, count)


def _by_prefix(library: Any, entry: str, count: int) -> Any | None:
    """Find a GPU by the beginning of its UUID, which CUDA accepts where it is unique."""
    handles = [library.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
    found = [one for one in handles if str(library.nvmlDeviceGetUUID(one)).startswith(entry)]
    return found[0] if entry.startswith("GPU-") and len(found) == 1 else None
