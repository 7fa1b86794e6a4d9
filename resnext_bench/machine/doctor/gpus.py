"""The GPUs: what NVIDIA's management library says while nothing of ours runs on them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from resnext_bench.machine.doctor.findings import Finding, Severity, fine, hidden
from resnext_bench.machine.gpu.boards import read_board
from resnext_bench.machine.gpu.facts import POWER_CAP, SLOWDOWN_REASONS, USER_SETTING, GpuLost
from resnext_bench.machine.gpu.monitor import Gpu, monitor
from resnext_bench.machine.host.sources import cpu_list, plain, read
from resnext_bench.reports.schema.record import Thresholds

_LIMITS: Final = Thresholds()
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
    driver: str = ""
    sm_mhz: int | None = None
    """Now, while nothing of ours runs."""
    power_w: float | None = None
    temperature_c: int | None = None
    compute_mode: str = ""
    """As nvidia-smi names it, in lower case; see `nvml`."""
    lost: str = ""
    """What the driver says of a GPU that went away."""


def read_gpus() -> tuple[GpuState, ...] | None:
    """The visible GPUs now; None where there is no library or no driver."""
    with monitor() as found:
        if found is None:
            return None
        driver = ", CUDA ".join(found.versions().values())
        try:
            gpus = found.gpus()
        except GpuLost as error:
            return (GpuState(index=0, driver=driver, lost=str(error)),)
        return tuple(_state(gpu, number, driver) for number, gpu in enumerate(gpus))


def _state(gpu: Gpu, number: int, driver: str) -> GpuState:
    board, processes = read_board(number, gpu), gpu.residents()
    return GpuState(
        index=board.gpus[0],
        persistence=board.persistence,
        reasons=gpu.clocks_down(),
        max_mhz=board.sm_max_mhz,
        use_percent=gpu.use_percent(),
        processes=None if processes is None else tuple(sorted(processes)),
        power_limit_w=board.power_limit_w,
        default_limit_w=board.default_limit_w,
        ecc=board.ecc,
        mig=board.mig,
        driver=driver,
        sm_mhz=gpu.sm_mhz(),
        power_w=gpu.power_w(),
        temperature_c=gpu.temperature_c(),
        compute_mode=board.compute_mode,
        lost=gpu.lost,
    )


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


def _present(gpu: GpuState, proc: Path) -> Finding:
    if not gpu.lost:
        told = gpu.driver
        return fine("GPU driver", told) if told else hidden("GPU driver", "no version is told")
    return Finding(
        check="GPU driver",
        severity=Severity.SPOILS,
        value=gpu.lost,
        why="the board fell off its bus, or stopped: nothing runs on it until it is reset",
        advice="reset it or restart the machine; the kernel's log says more (Xid)",
        command="sudo dmesg | grep -i xid",
    )


def _heat(gpu: GpuState, proc: Path) -> Finding:
    """For the comparison of days and racks; how hot is too hot, the board itself decides."""
    if gpu.temperature_c is None:
        return hidden("GPU temperature", "the driver does not say")
    return fine(
        "GPU temperature", f"{gpu.temperature_c} °C now", number=gpu.temperature_c, unit="°C"
    )


def _mode(gpu: GpuState, proc: Path) -> Finding:
    """Whether a second process may compute on it, as in a duet."""
    if not gpu.compute_mode:
        return hidden("GPU compute mode", "the driver does not say")
    if gpu.compute_mode == "default":
        return fine("GPU compute mode", "default")
    none = gpu.compute_mode == "prohibited"
    return Finding(
        check="GPU compute mode",
        severity=Severity.SPOILS if none else Severity.DISTURBS,
        value=gpu.compute_mode,
        why=(
            "no process may compute on it: every run fails"
            if none
            else "it takes one process at a time: no duet, and no ranks that share it"
        ),
        advice=(
            "let processes in again"
            if none
            else "let more in; or compare with --design relaunch, and one rank a GPU"
        ),
        command="sudo nvidia-smi --compute-mode=DEFAULT",
    )


def _locked(gpu: GpuState, proc: Path) -> Finding:
    """NVML has no question for locked clocks; a setting shows only as a reason, under load."""
    if gpu.max_mhz is None or gpu.reasons is None:
        return hidden("GPU clocks", "the driver does not say")
    now = "" if gpu.sm_mhz is None else f", {gpu.sm_mhz:,} MHz now"
    if gpu.reasons & USER_SETTING:
        return fine("GPU clocks", f"held by a setting{now}")
    held = round(gpu.max_mhz * _SUSTAINED)
    return Finding(
        check="GPU clocks",
        severity=Severity.NOTE,
        value=f"free up to {gpu.max_mhz:,} MHz{now}, as far as the driver tells",
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
        now = "" if gpu.power_w is None else f", {gpu.power_w:.0f} W now"
        return fine("GPU power limit", f"{limit:.0f} W{now}", number=limit, unit="W")
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
    _present,
    _company,
    _clocks_down,
    _persistence,
    _locked,
    _power,
    _heat,
    _mode,
    _ecc,
    _slices,
)
