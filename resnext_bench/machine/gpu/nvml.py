"""The few questions asked of NVIDIA's management library; every one has an answer without it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from resnext_bench.errors import CannotHere

SM_CLOCK: Final = 1
MEMORY_CLOCK: Final = 2
"""Kinds of clock (nvmlClockType_t)."""
CORE_TEMPERATURE: Final = 0
"""The one sensor that all boards have (nvmlTemperatureSensors_t)."""
_NEVER: Final = frozenset({3, 13})
"""NVML_ERROR_NOT_SUPPORTED and _FUNCTION_NOT_FOUND: asking again is in vain."""
_GONE: Final = frozenset({15, 16})
"""NVML_ERROR_GPU_IS_LOST and _RESET_REQUIRED: the GPU is there no more until it is reset."""

GpuFacts = tuple[str, float, tuple[int, int]]
"""Name, memory in GiB, compute capability."""


@contextmanager
def session() -> Iterator[Any]:
    """NVML initialised, or None where the library or the driver is missing."""
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


def visible_gpus() -> list[GpuFacts]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves visible, in that order."""
    with session() as library:
        if library is None:
            return []
        try:
            return [_facts(library, handle) for handle in visible_handles(library)]
        except library.NVMLError as error:
            raise CannotHere(
                f"a GPU does not answer: {error}; see nvidia-smi, and reset it or leave it out "
                "with CUDA_VISIBLE_DEVICES"
            ) from error


@dataclass(kw_only=True, slots=True)
class Gpu:
    """One GPU that may be asked anything: what it does not know is None, and never an error."""

    library: Any
    handle: Any
    lost: str = ""
    """What the driver said when the GPU went away."""
    _silent: set[tuple[Any, ...]] = field(default_factory=set)
    """Questions it will never answer; each would cost as much as one that it does."""

    def ask(self, function: str, *arguments: Any) -> Any:
        """The answer of a function of NVML to these arguments behind the handle."""
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
        """As nvidia-smi counts."""
        answer = self.ask("nvmlDeviceGetIndex")
        return None if answer is None else int(answer)

    def clocks_down(self) -> int | None:
        """Bits: what holds the clocks down. Older drivers use another name for it."""
        bits = self.ask("nvmlDeviceGetCurrentClocksEventReasons")
        if bits is None:
            bits = self.ask("nvmlDeviceGetCurrentClocksThrottleReasons")
        return None if bits is None else int(bits)

    def power_w(self) -> float | None:
        """Of the whole board; an average over a second from Ampere on (but A100), else now."""
        milliwatts = self.ask("nvmlDeviceGetPowerUsage")
        return None if milliwatts is None else milliwatts / 1e3

    def energy_j(self) -> float | None:
        """Of the whole board, since the driver was loaded; from Volta on."""
        millijoules = self.ask("nvmlDeviceGetTotalEnergyConsumption")
        return None if millijoules is None else millijoules / 1e3

    def use_percent(self) -> int | None:
        """Share of the last period (up to a second) in which any kernel ran."""
        rates = self.ask("nvmlDeviceGetUtilizationRates")
        return None if rates is None else int(rates.gpu)

    def residents(self) -> set[int] | None:
        """Ids of the processes that compute on it."""
        found = self.ask("nvmlDeviceGetComputeRunningProcesses")
        return None if found is None else {int(process.pid) for process in found}


def ask_system(library: Any, function: str) -> Any:
    """The answer of a function of NVML about the host, or None."""
    try:
        return getattr(library, function)()
    except Exception:  # NVML's own error types, and functions that an old library lacks
        return None


def visible_handles(library: Any) -> list[Any]:
    """NVML handles in the order of CUDA_VISIBLE_DEVICES (indices or UUIDs, as CUDA reads it)."""
    count = library.nvmlDeviceGetCount()
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return [library.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
    handles = []
    for entry in (part.strip() for part in wanted.split(",")):
        handle = _handle(library, entry, count)
        if handle is None:  # CUDA ignores everything behind the first invalid entry
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
    """CUDA takes the beginning of a UUID where it is enough to tell the GPUs apart."""
    handles = [library.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
    found = [one for one in handles if str(library.nvmlDeviceGetUUID(one)).startswith(entry)]
    return found[0] if entry.startswith("GPU-") and len(found) == 1 else None


def _facts(library: Any, handle: Any) -> GpuFacts:
    name = library.nvmlDeviceGetName(handle)
    memory = library.nvmlDeviceGetMemoryInfo(handle).total / 2**30
    major, minor = library.nvmlDeviceGetCudaComputeCapability(handle)
    return str(name), float(memory), (int(major), int(minor))
