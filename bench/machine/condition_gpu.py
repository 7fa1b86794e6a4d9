"""The GPUs: what NVIDIA's management library says while nothing of ours runs on them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bench.machine import nvml
from bench.machine.findings import Finding, Severity, cpu_list, fine, hidden, plain, read
from bench.machine.gpu_watch import POWER_CAP, SLOWDOWN_REASONS
from reports.schema.record import Thresholds

_LIMITS: Final = Thresholds()
_SETTING: Final = 0x02
"""Bit of nvmlDeviceGetCurrentClocksEventReasons: clocks held by a user's setting."""
_SUSTAINED: Final = 0.75
"""Share of the highest clock that most boards hold under load; only where advice begins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuState:
    """Answers about one GPU. None: the driver does not say."""

    index: int
    """As nvidia-smi counts, whatever CUDA_VISIBLE_DEVICES leaves visible."""
    persistence: bool | None = None
    reasons: int | None = None
    """Bits: what holds the clocks down now."""
    max_mhz: int | None = None
    use_percent: int | None = None
    processes: tuple[int, ...] | None = None
    """Ids of those that compute on it."""
    power_limit_w: float | None = None
    default_limit_w: float | None = None
    ecc: bool | None = None
    mig: bool | None = None


def read_gpus() -> tuple[GpuState, ...] | None:
    """The visible GPUs now; None where there is no library or no driver."""
    with nvml.session() as library:
        if library is None:
            return None
        handles = nvml.visible_handles(library)
        return tuple(_state(library, number, handle) for number, handle in enumerate(handles))


def _state(library: Any, number: int, handle: Any) -> GpuState:
    def ask(function: str, *arguments: Any) -> Any:
        try:
            return getattr(library, function)(handle, *arguments)
        except Exception:  # NVML's own error types, and functions that an old library lacks
            return None

    index, ecc, mig = ask("nvmlDeviceGetIndex"), ask("nvmlDeviceGetEccMode"), _mig(ask)
    processes, use = (
        ask("nvmlDeviceGetComputeRunningProcesses"),
        ask("nvmlDeviceGetUtilizationRates"),
    )
    return GpuState(
        index=number if index is None else int(index),
        persistence=_switch(ask("nvmlDeviceGetPersistenceMode")),
        reasons=ask("nvmlDeviceGetCurrentClocksEventReasons"),
        max_mhz=ask("nvmlDeviceGetMaxClockInfo", 1),  # NVML_CLOCK_SM
        use_percent=None if use is None else int(use.gpu),
        processes=None if processes is None else tuple(int(one.pid) for one in processes),
        power_limit_w=_watts(ask("nvmlDeviceGetPowerManagementLimit")),
        default_limit_w=_watts(ask("nvmlDeviceGetPowerManagementDefaultLimit")),
        ecc=None if ecc is None else bool(ecc[0]),
        mig=mig,
    )


def _mig(ask: Callable[[str], Any]) -> bool | None:
    """A MIG device has no mode of its own: it is one."""
    if _switch(ask("nvmlDeviceIsMigDeviceHandle")):
        return True
    mode = ask("nvmlDeviceGetMigMode")
    return None if mode is None else bool(mode[0])


def _switch(answer: Any) -> bool | None:
    return None if answer is None else bool(answer)


def _watts(milliwatts: Any) -> float | None:
    return None if milliwatts is None else milliwatts / 1000


def gpu_findings(gpus: Sequence[GpuState] | None, proc: Path) -> Iterator[Finding]:
    """All findings, one for GPUs with the same answer."""
    if gpus is None:
        yield hidden("gpus", "no NVIDIA driver, or nvidia-ml-py is not installed")
        return
    if not gpus:
        yield hidden("gpus", "the driver shows none to this program")
    for check in _CHECKS:
        answers: dict[Finding, list[int]] = {}
        for gpu in gpus:
            answers.setdefault(check(gpu, proc), []).append(gpu.index)
        for finding, indices in answers.items():
            where = f"GPU {cpu_list(indices)}: " if len(gpus) > 1 else ""
            yield replace(finding, value=where + finding.value)


def _company(gpu: GpuState, proc: Path) -> Finding:
    """Whether others compute on it. Nothing of ours does, so all use is theirs."""
    if gpu.processes is None and gpu.use_percent is None:
        return hidden("GPU use", "the driver does not tell who computes")
    present = ", ".join(_process(pid, proc) for pid in gpu.processes or ())
    busy = gpu.use_percent is not None and gpu.use_percent > _LIMITS.foreign_gpu_percent
    if not present and not busy:
        return fine("GPU use", "nobody computes", number=gpu.use_percent or 0, unit="%")
    share = "use not told" if gpu.use_percent is None else f"{gpu.use_percent} % in use"
    idle = gpu.use_percent is not None and not busy
    return Finding(
        check="GPU use",
        severity=Severity.DISTURBS if idle else Severity.SPOILS,
        value=f"{share}, by {present or 'processes that are not visible here'}",
        number=gpu.use_percent,
        unit="%",
        why=(
            "it holds memory, and may start to compute during a run"
            if idle
            else "kernels of others run between ours, and share memory bandwidth and clocks"
        ),
        advice="end it, or choose another GPU with CUDA_VISIBLE_DEVICES",
        command="nvidia-smi",
    )


def _process(pid: int, proc: Path) -> str:
    name = read(proc / str(pid) / "comm")
    return f"{plain(name)} (pid {pid})" if name else f"pid {pid}"


def _clocks_down(gpu: GpuState, proc: Path) -> Finding:
    """What holds the clocks down at this moment."""
    if gpu.reasons is None:
        return hidden("GPU throttling", "the driver does not give reasons")
    named = [name for name, bit in SLOWDOWN_REASONS.items() if gpu.reasons & bit]
    if named:
        return Finding(
            check="GPU throttling",
            severity=Severity.SPOILS,
            value=", ".join(named),
            why="clocks are lowered now, while nothing of ours runs",
            advice="look at temperatures, fans and power supply before measuring",
            command="nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER",
        )
    if gpu.reasons & POWER_CAP:
        return Finding(
            check="GPU throttling",
            severity=Severity.NOTE,
            value="power cap",
            why="someone's work takes all the power the board may use",
            advice="see who computes on it",
            command="nvidia-smi -q -d PERFORMANCE,POWER",
        )
    return fine("GPU throttling", "none now")


def _persistence(gpu: GpuState, proc: Path) -> Finding:
    if gpu.persistence is None:
        return hidden("GPU persistence", "the driver does not say")
    if gpu.persistence:
        return fine("GPU persistence", "on")
    return Finding(
        check="GPU persistence",
        severity=Severity.DISTURBS,
        value="off",
        why="the driver leaves the GPU between sessions: slow starts, and settings are forgotten",
        advice="keep the driver there",
        command="sudo nvidia-smi --persistence-mode=1",
    )


def _locked(gpu: GpuState, proc: Path) -> Finding:
    """NVML has no question for locked clocks; a setting shows only as a reason, under load."""
    if gpu.max_mhz is None or gpu.reasons is None:
        return hidden("GPU clocks", "the driver does not say")
    if gpu.reasons & _SETTING:
        return fine("GPU clocks", "held by a setting")
    held = round(gpu.max_mhz * _SUSTAINED)
    return Finding(
        check="GPU clocks",
        severity=Severity.NOTE,
        value=f"free up to {gpu.max_mhz} MHz, as far as the driver tells",
        number=gpu.max_mhz,
        unit="MHz",
        why="they follow heat and power, so the first steps and cool days are faster",
        advice="to compare small changes, hold a clock it keeps under load (undo with -rgc)",
        command=f"sudo nvidia-smi --lock-gpu-clocks={held},{held}",
    )


def _power(gpu: GpuState, proc: Path) -> Finding:
    limit, default = gpu.power_limit_w, gpu.default_limit_w
    if limit is None or default is None:
        return hidden("GPU power limit", "the driver does not say")
    if limit >= default:
        return fine("GPU power limit", f"{limit:.0f} W", number=limit, unit="W")
    return Finding(
        check="GPU power limit",
        severity=Severity.DISTURBS,
        value=f"{limit:.0f} W, below the default of {default:.0f} W",
        number=limit,
        unit="W",
        why="dense kernels reach the limit and run on lower clocks than on other boards",
        advice="set the default again, or compare only under this limit",
        command=f"sudo nvidia-smi --power-limit={default:.0f}",
    )


def _ecc(gpu: GpuState, proc: Path) -> Finding:
    if gpu.ecc is None:
        return hidden("GPU ECC", "the board has none, or the driver does not say")
    if gpu.ecc:
        return fine("GPU ECC", "on")
    return Finding(
        check="GPU ECC",
        severity=Severity.NOTE,
        value="off",
        why="boards without on-die correction then have more bandwidth and memory",
        advice="compare only with boards set alike",
    )


def _slices(gpu: GpuState, proc: Path) -> Finding:
    if gpu.mig is None:
        return fine("GPU MIG", "not supported")
    if not gpu.mig:
        return fine("GPU MIG", "off")
    return Finding(
        check="GPU MIG",
        severity=Severity.DISTURBS,
        value="on",
        why="the slices of a board share its power and clocks, whoever uses them",
        advice="measure while the other slices are idle, or on a whole board",
        command="nvidia-smi mig -lgi",
    )


_CHECKS: Final[tuple[Callable[[GpuState, Path], Finding], ...]] = (
    _company,
    _clocks_down,
    _persistence,
    _locked,
    _power,
    _ecc,
    _slices,
)
