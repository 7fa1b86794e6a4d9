"""Checks of the GPUs: what NVIDIA's management library reports while we run nothing on them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from resnext_bench.machine.doctor.findings import Finding, Severity, fine, hidden
from resnext_bench.machine.gpu.attachment import Attachment, completed
from resnext_bench.machine.gpu.boards import read_board
from resnext_bench.machine.gpu.driver import Driver, driver_of
from resnext_bench.machine.gpu.facts import POWER_CAP, SLOWDOWN_REASONS, USER_SETTING, Errors
from resnext_bench.machine.gpu.monitor import Gpu, monitor
from resnext_bench.machine.gpu.naming import hiding
from resnext_bench.machine.gpu.vendors import NVIDIA, VENDORS, Vendor
from resnext_bench.machine.host.sources import cpu_list, here, plain, read
from resnext_bench.reports.schema.record import Thresholds

_LIMITS: Final = Thresholds()
_NOT_REPORTED: Final = "the driver does not report it"
_SUSTAINED: Final = 0.75
"""Share of the highest clock that most boards hold under load, as a start for the advice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuState:
    """Answers about one GPU; None where the driver does not report it."""

    index: int
    """The index in the vendor's own tool, whatever CUDA_VISIBLE_DEVICES leaves visible."""
    persistence: bool | None = None
    reasons: int | None = None
    """Bits of what holds the clocks down now."""
    max_mhz: int | None = None
    use_percent: int | None = None
    processes: tuple[int, ...] | None = None
    """Ids of the processes that compute on it."""
    power_limit_w: float | None = None
    default_limit_w: float | None = None
    ecc: bool | None = None
    mig: bool | None = None
    driver: str = ""
    vendor: Vendor = NVIDIA
    sm_mhz: int | None = None
    """Clock of its cores now, while we run nothing."""
    power_w: float | None = None
    temperature_c: int | None = None
    compute_mode: str = ""
    """The compute mode in nvidia-smi's words, in lower case; see `nvml`."""
    lost: str = ""
    """What the driver reports about a GPU that went away."""
    errors: Errors = field(default_factory=dict)
    """Errors that it has counted, by kind."""
    repair: str = ""
    """What its memory waits for or lacks, see `monitor`."""
    mps: bool | None = None
    """Whether processes share it by way of the Multi-Process Service."""
    unanswered: Mapping[str, str] = field(default_factory=dict)
    """The driver's reasons for what it did not answer, by what was asked."""
    name: str = ""
    capability: tuple[int, int] | None = None
    versions: Driver = field(default_factory=Driver)
    attachment: Attachment = field(default_factory=Attachment)


def read_gpus() -> tuple[GpuState, ...] | None:
    """Read the visible GPUs; return None where there is no library or no driver."""
    with monitor() as found:
        if found is None:
            return None
        versions = found.versions()
        states = [
            _state(gpu, number, ", CUDA ".join(versions.values()))
            for number, gpu in enumerate(found.gpus())
        ]
        return tuple(
            replace(state, versions=driver_of(versions), vendor=found.vendor) for state in states
        )


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
        mps=board.mps,
        errors=gpu.errors(),
        repair=gpu.repair(),
        name=board.name,
        capability=gpu.facts().capability,
        attachment=completed(gpu.attachment(), here().sys),
        # What was asked last is known last: these two stay behind all questions.
        lost=gpu.lost,
        unanswered=dict(gpu.unanswered),
    )


def gpu_findings(gpus: Sequence[GpuState] | None, proc: Path) -> Iterator[Finding]:
    """Return all findings, one for all GPUs with the same answer."""
    if gpus is None:
        yield hidden("gpus", "no NVIDIA driver, or nvidia-ml-py is not installed")
        return
    if not gpus:
        why = f" ({hides} hides all)" if (hides := hiding(*VENDORS)) else ""
        yield hidden("gpus", f"the driver shows none to this program{why}")
    for check in _CHECKS:
        yield from together(gpus, [check(gpu, proc) for gpu in gpus])


def together(gpus: Sequence[GpuState], found: Sequence[Finding | None]) -> Iterator[Finding]:
    """Return one finding for all GPUs of which the same was found; nothing for None."""
    answers: dict[Finding, list[int]] = {}
    for gpu, finding in zip(gpus, found, strict=True):
        if finding:
            known = answers.setdefault(finding, [])
            known += [] if gpu.index in known else [gpu.index]  # slices have their board's
    for finding, indices in answers.items():
        where = f"GPU {cpu_list(indices)}: " if len(gpus) > 1 else ""
        yield replace(finding, value=where + finding.value)


def _untold(gpu: GpuState, check: str, question: str, else_why: str) -> Finding:
    """Return a finding without an answer, with the driver's reason where it gave one."""
    said = gpu.lost or gpu.unanswered.get(question, "")
    return hidden(check, f"{else_why} ({said})" if said else else_why)


def _company(gpu: GpuState, proc: Path) -> Finding:
    """Check whether other tenants compute on it. We do not, so all use is theirs."""
    if gpu.processes is None and gpu.use_percent is None:
        return _untold(
            gpu, "GPU use", "processes", "the driver does not report which processes compute"
        )
    present = ", ".join(_process(pid, proc) for pid in gpu.processes or ())
    busy = gpu.use_percent is not None and gpu.use_percent > _LIMITS.foreign_gpu_percent
    if not present and not busy:
        return fine("GPU use", "no process computes", number=gpu.use_percent or 0, unit="%")
    share = "use not reported" if gpu.use_percent is None else f"{gpu.use_percent} % in use"
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
            else "their kernels run between ours, and share memory bandwidth and clocks"
        ),
        advice="end it, or choose another GPU with CUDA_VISIBLE_DEVICES",
        command=gpu.vendor.commands.tool,
    )


def _process(pid: int, proc: Path) -> str:
    name = read(proc / str(pid) / "comm")
    return f"{plain(name)} (pid {pid})" if name else f"pid {pid}"


def _clocks_down(gpu: GpuState, proc: Path) -> Finding:
    """Check what holds the clocks down at this moment."""
    if gpu.reasons is None:
        return _untold(
            gpu,
            "GPU throttling",
            "what holds the clocks down",
            "the driver does not report reasons",
        )
    named = [name for name, bit in SLOWDOWN_REASONS.items() if gpu.reasons & bit]
    if named:
        return Finding(
            check="GPU throttling",
            severity=Severity.SPOILS,
            value=", ".join(named),
            why="clocks are lowered even now, while we run nothing",
            advice="look at temperatures, fans and power supply before measuring",
            command=gpu.vendor.commands.throttling,
        )
    if gpu.reasons & POWER_CAP:
        return Finding(
            check="GPU throttling",
            severity=Severity.NOTE,
            value="power cap",
            why="another tenant's work uses all the power that the board may draw",
            advice="see which processes compute on it",
            command=gpu.vendor.commands.power_cap,
        )
    return fine("GPU throttling", "none now")


def _persistence(gpu: GpuState, proc: Path) -> Finding:
    if gpu.persistence is None:
        return _untold(gpu, "GPU persistence", "persistence mode", _NOT_REPORTED)
    if gpu.persistence:
        return fine("GPU persistence", "on")
    return Finding(
        check="GPU persistence",
        severity=Severity.DISTURBS,
        value="off",
        why="the driver unloads between sessions: starts are slow, and settings are lost",
        advice="keep the driver loaded",
        command=gpu.vendor.commands.persistence,
    )


def _present(gpu: GpuState, proc: Path) -> Finding:
    if not gpu.lost:
        told = gpu.driver
        return (
            fine("GPU driver", told)
            if told
            else hidden("GPU driver", ("the version is not reported"))
        )
    return Finding(
        check="GPU driver",
        severity=Severity.SPOILS,
        value=gpu.lost,
        why="the board fell off its bus, or stopped: nothing runs on it until it is reset",
        advice="reset it or restart the machine; the kernel's log says more (Xid)",
        command=gpu.vendor.commands.fallen,
    )


def _heat(gpu: GpuState, proc: Path) -> Finding:
    """Report the temperature, for comparing days and racks; the board decides what is too hot."""
    if gpu.temperature_c is None:
        return _untold(gpu, "GPU temperature", "temperature", _NOT_REPORTED)
    return fine(
        "GPU temperature", f"{gpu.temperature_c} °C now", number=gpu.temperature_c, unit="°C"
    )


def _mode(gpu: GpuState, proc: Path) -> Finding:
    """Check whether a second process may compute on it, as in a duet."""
    if not gpu.compute_mode:
        return _untold(gpu, "GPU compute mode", "compute mode", _NOT_REPORTED)
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
            else "it accepts one process at a time, or one MPS server: without MPS no duet, and no "
            "ranks that share it"
        ),
        advice=(
            "allow processes again"
            if none
            else "allow more processes; or compare with --design relaunch and one rank per GPU"
        ),
        command=gpu.vendor.commands.modes,
    )


def _locked(gpu: GpuState, proc: Path) -> Finding:
    """Check for locked clocks, which NVML reports only as a reason, and only under load."""
    if gpu.max_mhz is None or gpu.reasons is None:
        return _untold(gpu, "GPU clocks", "highest clocks", _NOT_REPORTED)
    now = "" if gpu.sm_mhz is None else f", {gpu.sm_mhz:,} MHz now"
    if gpu.reasons & USER_SETTING:
        return fine("GPU clocks", f"held by a setting{now}")
    held = round(gpu.max_mhz * _SUSTAINED)
    return Finding(
        check="GPU clocks",
        severity=Severity.NOTE,
        value=f"free up to {gpu.max_mhz:,} MHz{now}, as far as the driver reports",
        number=gpu.max_mhz,
        unit="MHz",
        why="they depend on heat and power, so the first steps and cool days are faster",
        advice="to compare small changes, lock a clock that it holds under load (undo with -rgc)",
        command=gpu.vendor.commands.clocks.format(mhz=held),
    )


def _power(gpu: GpuState, proc: Path) -> Finding:
    limit, default = gpu.power_limit_w, gpu.default_limit_w
    if limit is None or default is None:
        return _untold(gpu, "GPU power limit", "power limit", _NOT_REPORTED)
    if limit >= default:
        now = "" if gpu.power_w is None else f", {gpu.power_w:.0f} W now"
        return fine("GPU power limit", f"{limit:.0f} W{now}", number=limit, unit="W")
    return Finding(
        check="GPU power limit",
        severity=Severity.DISTURBS,
        value=f"{limit:.0f} W, below the default of {default:.0f} W",
        number=limit,
        unit="W",
        why="dense kernels reach the limit and run at lower clocks than on other boards",
        advice="restore the default, or compare only under this limit",
        command=gpu.vendor.commands.power_limit.format(watts=f"{default:.0f}"),
    )


def _ecc(gpu: GpuState, proc: Path) -> Finding:
    if gpu.ecc is None:
        return _untold(
            gpu, "GPU ECC", "ECC mode", "the board has none, or the driver does not report it"
        )
    if gpu.ecc:
        return fine("GPU ECC", "on")
    return Finding(
        check="GPU ECC",
        severity=Severity.NOTE,
        value="off",
        why="boards without on-die correction have more bandwidth and memory without it",
        advice="compare only with boards that have the same setting",
    )


def _slices(gpu: GpuState, proc: Path) -> Finding:
    if gpu.mig is None:
        said = gpu.unanswered.get("MIG mode", "")
        if gpu.lost or said not in ("", "Not Supported"):
            return _untold(gpu, "GPU MIG", "MIG mode", _NOT_REPORTED)
        return fine("GPU MIG", "not supported")
    if not gpu.mig:
        return fine("GPU MIG", "off")
    return Finding(
        check="GPU MIG",
        severity=Severity.DISTURBS,
        value="on",
        why="all slices of a board share its power and clocks",
        advice="measure while the other slices are idle, or on a whole board",
        command=gpu.vendor.commands.slices,
    )


_CHECKS: Final[tuple[Callable[..., Finding], ...]] = (
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
