"""One GPU as NVML knows it: a whole board, or a slice of one (MIG)."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from resnext_bench.machine.gpu.attachment import Attachment
from resnext_bench.machine.gpu.facts import Errors, GpuFacts
from resnext_bench.machine.gpu.nvml_attachment import read_attachment
from resnext_bench.reports.schema.machine import Board

SM_CLOCK: Final = 1
MEMORY_CLOCK: Final = 2
"""Kinds of clock (nvmlClockType_t)."""
CORE_TEMPERATURE: Final = 0
"""Number of the one sensor that all boards have (nvmlTemperatureSensors_t)."""
_CORRECTED, _UNCORRECTED, _SINCE_LOADED = 0, 1, 0
"""Kinds of memory errors, and the counter that begins when the driver is loaded."""
_MPS_SERVER: Final = "nvidia-cuda-mps-server"
UNKNOWN_BOARD: Final = "unknown"
_MOST_NVLINKS: Final = 36
_NVLINK_ERRORS: Final = {"NVLink": (0, 1), "NVLink CRC": (2, 3)}
"""Counters of a link (nvmlNvLinkErrorCounter_t): replays and recoveries; CRC of flits and of data.
"""
_NEVER: Final = frozenset({3, 13})
"""NVML_ERROR_NOT_SUPPORTED and _FUNCTION_NOT_FOUND, after which asking again is useless."""
_NOT_AVAILABLE: Final = (2**32 - 1, 2**64 - 1)
"""NVML_VALUE_NOT_AVAILABLE, -1, in the unsigned numbers that most answers are."""
_MOST_BYTES: Final = 2**50
"""More than any board has: what is beyond is no size of a memory."""
_NOBODY: Final = 6
"""NVML_ERROR_NOT_FOUND: an answer, that there is none of what was asked for."""

_COMPUTE_MODES: Final = {
    0: "default",
    1: "exclusive process",  # once "exclusive thread"; drivers no longer have it
    2: "prohibited",
    3: "exclusive process",
}
"""nvmlComputeMode_t in nvidia-smi's words."""
_QUESTIONS: Final = {
    "nvmlDeviceGetMemoryInfo": "memory",
    "nvmlDeviceGetCudaComputeCapability": "compute capability",
    "nvmlDeviceGetEccMode": "ECC mode",
    "nvmlDeviceGetComputeMode": "compute mode",
    "nvmlDeviceGetPersistenceMode": "persistence mode",
    "nvmlDeviceGetMigMode": "MIG mode",
    "nvmlDeviceGetMaxMigDeviceCount": "MIG devices",
    "nvmlDeviceGetMigDeviceHandleByIndex": "MIG devices",
    "nvmlDeviceGetEnforcedPowerLimit": "power limit",
    "nvmlDeviceGetPowerManagementDefaultLimit": "default power limit",
    "nvmlDeviceGetMaxClockInfo": "highest clocks",
    "nvmlDeviceGetClockInfo": "clocks",
    "nvmlDeviceGetPowerUsage": "power",
    "nvmlDeviceGetTemperature": "temperature",
    "nvmlDeviceGetUtilizationRates": "use",
    "nvmlDeviceGetComputeRunningProcesses": "processes",
    "nvmlDeviceGetCurrentClocksEventReasons": "what holds the clocks down",
    "nvmlDeviceGetTotalEccErrors": "ECC errors",
    "nvmlDeviceGetRemappedRows": "remapped rows",
}
"""What is asked for, in our words; what has no word here is not missed where it is not answered."""


@dataclass(kw_only=True, slots=True)
class Gpu:
    """One GPU, which may be asked anything: what it does not know is None, never an error."""

    GONE: ClassVar = frozenset({15, 16})
    """NVML_ERROR_GPU_IS_LOST and _RESET_REQUIRED: the GPU is gone until it is reset."""

    library: Any
    handle: Any
    """None of a GPU that does not respond."""
    parent: Any = None
    """Handle of the board, for a slice of it; None where the driver does not say which."""
    is_slice: bool = False
    lost: str = ""
    """The driver's message when the GPU went away."""
    number: int | None = None
    """The index by which it was asked for, where it has no handle."""
    known_uuid: str = ""
    """The UUID by which it was asked for, where it has no handle."""
    unanswered: dict[str, str] = field(default_factory=dict)
    """The driver's reasons for what it did not answer, by what was asked for."""
    _silent: set[tuple[Any, ...]] = field(default_factory=set)
    """Queries that it will never answer; each would cost as much as one that it does."""

    @property
    def of_board(self) -> Any:
        """Handle of the whole board, which alone has clocks, power and settings."""
        return self.handle if self.parent is None else self.parent

    def ask(self, function: str, *arguments: Any) -> Any:
        """Return the answer of an NVML function to these arguments after the handle."""
        return self._ask(self.handle, function, arguments)

    def ask_board(self, function: str, *arguments: Any) -> Any:
        """Return the same of the whole board."""
        return self._ask(self.of_board, function, arguments)

    def _ask(self, handle: Any, function: str, arguments: tuple[Any, ...]) -> Any:
        question = (function, handle is self.parent, *arguments)
        if self.lost or question in self._silent:
            return None
        try:
            answer = getattr(self.library, function)(handle, *arguments)
            if not (isinstance(answer, int) and answer in _NOT_AVAILABLE):
                return answer
            self._note(function, "N/A")
        except AttributeError:
            self._silent.add(question)
            self._note(function, "the library does not know the question")
        except Exception as error:  # NVML's own types; "not found" is its word for "nobody"
            self._heed(question, error)
        return None

    def _heed(self, question: tuple[Any, ...], error: Exception) -> None:
        code = getattr(error, "value", None)
        if code in self.GONE:
            self.lost = str(error)
        elif code in _NEVER:
            self._silent.add(question)
        if code != _NOBODY:
            self._note(question[0], str(error))

    def _note(self, function: str, why: str) -> None:
        if asked := _QUESTIONS.get(function):
            self.unanswered[asked] = why

    @property
    def index(self) -> int | None:
        """The index in nvidia-smi, of a slice that of its board."""
        answer = self.ask_board("nvmlDeviceGetIndex")
        return self.number if answer is None else int(answer)

    @property
    def uuid(self) -> str:
        """The UUID of the board or of the slice."""
        return self.known_uuid or str(self.ask("nvmlDeviceGetUUID") or "")

    def is_cut(self) -> bool:
        """Return whether the board is in MIG mode, where it is no device itself."""
        mode = self.ask("nvmlDeviceGetMigMode")
        return mode is not None and bool(mode[0])

    def instance(self) -> tuple[int | None, int | None]:
        """Return the numbers of a slice's GPU instance and compute instance."""
        return (
            _whole(self.ask("nvmlDeviceGetGpuInstanceId")),
            _whole(self.ask("nvmlDeviceGetComputeInstanceId")),
        )

    def facts(self) -> GpuFacts:
        """Return what must be known before anything is planned for it."""
        memory = self.ask("nvmlDeviceGetMemoryInfo")
        capability = self.ask_board("nvmlDeviceGetCudaComputeCapability")
        name = self.ask("nvmlDeviceGetName") or self.ask_board("nvmlDeviceGetName")
        return GpuFacts(
            name=str(name or ""),
            memory_gib=None if memory is None else _gib(memory.total) or None,
            # No board has 0.0, which stands for one that the driver cannot read.
            capability=(int(capability[0]), int(capability[1])) if any(capability or ()) else None,
            uuid=self.uuid,
            board=self._board_uuid() if self.is_slice else "",
            compute_mode=self.compute_mode(),
            attachment=self.attachment(links=False),
            lost=self.lost,
        )

    def _board_uuid(self) -> str:
        """Return the UUID of a slice's board; all whose board is not known count as one."""
        found = None if self.parent is None else self.ask_board("nvmlDeviceGetUUID")
        return str(found or UNKNOWN_BOARD)

    def compute_mode(self) -> str:
        """Return who may compute on it, in nvidia-smi's words."""
        mode = self.ask_board("nvmlDeviceGetComputeMode")
        return "" if mode is None else _COMPUTE_MODES.get(mode, f"mode {mode}")

    def attachment(self, *, links: bool = True) -> Attachment:
        """Return where its board is attached, with its `links` to other GPUs or without."""
        return read_attachment(self.ask_board, links=links)

    def board(self) -> Board:
        """Return the settings of its board."""
        ecc = self.ask_board("nvmlDeviceGetEccMode")
        return Board(
            gpus=(),
            uuids=(self.uuid,),
            name=str(self.ask("nvmlDeviceGetName") or ""),
            sm_max_mhz=self.ask_board("nvmlDeviceGetMaxClockInfo", SM_CLOCK),
            memory_max_mhz=self.ask_board("nvmlDeviceGetMaxClockInfo", MEMORY_CLOCK),
            power_limit_w=_watts(self.ask_board("nvmlDeviceGetEnforcedPowerLimit")) or None,
            default_limit_w=_watts(self.ask_board("nvmlDeviceGetPowerManagementDefaultLimit"))
            or None,
            ecc=None if ecc is None else bool(ecc[0]),
            persistence=_switch(self.ask_board("nvmlDeviceGetPersistenceMode")),
            mig=self._is_mig(),
            compute_mode=self.compute_mode(),
            mps=self.has_mps() or None,
        )

    def _is_mig(self) -> bool | None:
        """Return whether it is a MIG device, which has no mode of its own."""
        if self.is_slice:
            return True
        mode = self.ask("nvmlDeviceGetMigMode")
        return None if mode is None else bool(mode[0])

    def clocks_down(self) -> int | None:
        """Return bits for what holds the clocks down. Older drivers use another name for it."""
        bits = self.ask_board("nvmlDeviceGetCurrentClocksEventReasons")
        if bits is None:
            bits = self.ask_board("nvmlDeviceGetCurrentClocksThrottleReasons")
            if bits is not None:
                self.unanswered.pop("what holds the clocks down", None)
        return _whole(bits)

    def sm_mhz(self) -> int | None:
        """Return the clock of its multiprocessors now."""
        return _whole(self.ask_board("nvmlDeviceGetClockInfo", SM_CLOCK))

    def memory_mhz(self) -> int | None:
        """Return the clock of its memory now."""
        return _whole(self.ask_board("nvmlDeviceGetClockInfo", MEMORY_CLOCK))

    def temperature_c(self) -> int | None:
        """Return the temperature of its cores. CUDA 14 is to drop the older of both names."""
        found = self.ask_board("nvmlDeviceGetTemperature", CORE_TEMPERATURE)
        if found is None:
            found = self.ask_board("nvmlDeviceGetTemperatureV", CORE_TEMPERATURE)
            if found is not None:
                self.unanswered.pop("temperature", None)
        return _whole(found)

    def power_w(self) -> float | None:
        """Return the board's power: the mean of a second from Ampere on (not A100), else now."""
        return _watts(self.ask_board("nvmlDeviceGetPowerUsage"))

    def energy_j(self) -> float | None:
        """Return the board's energy since the driver was loaded; from Volta on."""
        return _watts(self.ask_board("nvmlDeviceGetTotalEnergyConsumption"))

    def use_percent(self) -> int | None:
        """Return the share of the last period (up to a second) in which any kernel ran."""
        rates = self.ask("nvmlDeviceGetUtilizationRates")
        return int(rates.gpu) if rates is not None and rates.gpu <= 100 else None

    def link(self) -> tuple[int | None, int | None]:
        """Return the generation and the lanes of the board's link now."""
        return (
            _whole(self.ask_board("nvmlDeviceGetCurrPcieLinkGeneration")),
            _whole(self.ask_board("nvmlDeviceGetCurrPcieLinkWidth")),
        )

    def free_gib(self) -> float | None:
        """Return the free memory."""
        memory = self.ask("nvmlDeviceGetMemoryInfo")
        return None if memory is None else _gib(memory.free)

    def residents(self) -> set[int] | None:
        """Return the ids of the processes that compute on it."""
        found = self.ask("nvmlDeviceGetComputeRunningProcesses")
        if found is None:
            return None
        return {pid for pid in (int(one.pid) for one in found) if not self._serves(pid)}

    def _serves(self, pid: int) -> bool:
        """Return whether a process is MPS's server, which computes for the processes of others."""
        try:
            name = str(self.library.nvmlSystemGetProcessName(pid))
        except Exception:  # it may be over by now, or not be ours to ask about
            return False
        return _MPS_SERVER in name

    def has_mps(self) -> bool:
        """Return whether processes share it by way of NVIDIA's Multi-Process Service."""
        return bool(self.ask("nvmlDeviceGetMPSComputeRunningProcesses"))

    def use_by_process(self, since_us: int) -> dict[int, float]:
        """Return the latest share of its time by process, in %, since that wall-clock moment."""
        found = self.ask("nvmlDeviceGetProcessUtilization", since_us) or ()
        return {int(use.pid): float(use.smUtil) for use in found}

    def errors(self) -> Errors:
        """Return the counts of errors of the board, where it counts them."""
        corrected, uncorrected = (
            self.ask_board("nvmlDeviceGetTotalEccErrors", kind, _SINCE_LOADED)
            for kind in (_CORRECTED, _UNCORRECTED)
        )
        rows = self.ask_board("nvmlDeviceGetRemappedRows") or (None, None)
        counts = {
            "ECC, corrected": corrected,
            "ECC, uncorrected": uncorrected,
            "rows remapped, corrected": rows[0],
            "rows remapped, uncorrected": rows[1],
            **self._nvlink_errors(),
            "PCIe replays": self.ask_board("nvmlDeviceGetPcieReplayCounter"),
        }
        return {kind: int(count) for kind, count in counts.items() if count is not None}

    def _nvlink_errors(self) -> Errors:
        """Return the errors of all its links together, by kind; nothing without a link."""
        totals: Errors = {}
        for link in range(_MOST_NVLINKS):
            counts = {
                kind: [
                    self.ask_board("nvmlDeviceGetNvLinkErrorCounter", link, counter)
                    for counter in counters
                ]
                for kind, counters in _NVLINK_ERRORS.items()
            }
            told = {kind: [one for one in each if one is not None] for kind, each in counts.items()}
            if not any(told.values()):  # boards number their links without gaps
                break
            for kind, each in told.items():
                totals[kind] = totals.get(kind, 0) + sum(map(int, each))
        return totals

    def repair(self) -> str:
        """Return what the board's memory waits for, or lacks: "pending", "failed", or nothing."""
        rows = self.ask_board("nvmlDeviceGetRemappedRows")
        if rows is None or len(rows) < 4:
            return ""
        return "failed" if rows[3] else "pending" if rows[2] else ""


def _gib(size: int) -> float | None:
    return size / 2**30 if 0 <= size < _MOST_BYTES else None


def _whole(answer: Any) -> int | None:
    return None if answer is None else int(answer)


def _switch(answer: Any) -> bool | None:
    """Return on, off or None."""
    return None if answer is None else bool(answer)


def _watts(thousandths: Any) -> float | None:
    """Return watts or joules: NVML counts both in thousandths."""
    return None if thousandths is None else thousandths / 1000
