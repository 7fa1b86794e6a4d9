"""What one look at one part of the machine found, in words for people and numbers for programs."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path


class Severity(StrEnum):
    """What a finding does to a measurement, worst first."""

    SPOILS = "spoils"
    """A run taken now would be invalid, or would measure something else."""
    DISTURBS = "disturbs"
    """Step times scatter or shift; comparisons need more sessions."""
    NOTE = "note"
    """Worth knowing when two machines, or two days, are compared."""
    FINE = "fine"
    HIDDEN = "not visible"
    """The kernel, the container or the driver does not say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One answer. Texts are lines for people; `number` is the same for programs."""

    check: str
    severity: Severity
    value: str
    """What was measured, or why it could not be."""
    number: float | None = None
    unit: str = ""
    why: str = ""
    """Why it matters for step times."""
    advice: str = ""
    command: str = ""
    """What to type, where one line does it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where answers come from, so that a machine can be made by hand."""

    proc: Path
    sys: Path
    environ: Mapping[str, str]
    cores: tuple[int, ...]
    """Logical CPUs this process may run on."""
    pid: int
    """This process, whose own use of the cores is nobody's fault."""
    torch: Path | None
    """The folder of torch's modules; None where it is not installed."""

    def cpu(self, core: int) -> Path:
        """The folder of one logical CPU."""
        return self.sys / f"devices/system/cpu/cpu{core}"


def here() -> Sources:
    """The machine as this process sees it."""
    return Sources(
        proc=Path("/proc"),
        sys=Path("/sys"),
        environ=os.environ,
        cores=tuple(sorted(os.sched_getaffinity(0))),
        pid=os.getpid(),
        torch=_torch(),
    )


def _torch() -> Path | None:
    """Without importing it."""
    spec = find_spec("torch")
    return Path(spec.origin).parent if spec and spec.origin else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """A process of somebody else, and what it took of one core during the sample."""

    pid: int
    name: str
    core_percent: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """What went on during the sample. None: not visible here."""

    seconds: float
    foreign_percent: float | None = None
    """Of the time of our cores, by processes other than this one."""
    steal_percent: float | None = None
    """Of the time of our cores, by the hypervisor."""
    boot_steal_percent: float | None = None
    """Since boot, of the time the cores had work: a core at rest cannot be stolen from."""
    processes: tuple[Process, ...] = ()
    """The busiest first."""
    swap_in_mib_s: float | None = None
    swap_out_mib_s: float | None = None
    throttled_periods: int | None = None
    """Periods in which the control group had used up its quota."""
    thermal_events: int | None = None
    boot_thermal_events: int | None = None
    pressure_percent: Mapping[str, float] = field(default_factory=dict)
    """Share of the sample in which tasks waited, by resource: cpu, memory, io."""


Check = Callable[[Sources, Activity], Iterator[Finding]]
"""One look. Its name is the finding's, with spaces."""


def fine(check: str, value: str, *, number: float | None = None, unit: str = "") -> Finding:
    """Nothing to do."""
    return Finding(check=check, severity=Severity.FINE, value=value, number=number, unit=unit)


def hidden(check: str, why: str) -> Finding:
    """No answer, and the reason."""
    return Finding(check=check, severity=Severity.HIDDEN, value=why)


def read(path: Path) -> str | None:
    """What the kernel says there, stripped; None where it says nothing."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def read_number(path: Path) -> int | None:
    """A file of one whole number."""
    text = read(path)
    return int(text) if text and text.lstrip("-").isdigit() else None


def read_table(path: Path) -> dict[str, int]:
    """Lines of a name and a number, as in /proc/meminfo and cpu.stat; others are left out."""
    rows = (line.split() for line in (read(path) or "").splitlines())
    return {row[0].rstrip(":"): int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}


def plain(text: str) -> str:
    """A name that others chose, made safe for a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def cpu_list(cpus: list[int]) -> str:
    """The kernel's list format: 0, 1, 2, 8 is "0-2,8"."""
    parts: list[list[int]] = []
    for cpu in sorted(cpus):
        if parts and cpu == parts[-1][-1] + 1:
            parts[-1].append(cpu)
        else:
            parts.append([cpu])
    return ",".join(f"{part[0]}-{part[-1]}" if part[1:] else str(part[0]) for part in parts)
