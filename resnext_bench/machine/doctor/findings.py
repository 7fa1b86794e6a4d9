"""What one check of the machine found, in words for people and numbers for programs."""

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
    """It matters when two machines, or two days, are compared."""
    FINE = "fine"
    HIDDEN = "not visible"
    """The kernel, the container or the driver does not report it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One answer. Texts are lines for people; `number` is the value for programs."""

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
    """The command to type, where one line is enough."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where answers come from, so that tests can make up a machine."""

    proc: Path
    sys: Path
    environ: Mapping[str, str]
    cores: tuple[int, ...]
    """Logical CPUs this process may run on."""
    pid: int
    """This process, whose own use of the cores does not count."""
    torch: Path | None
    """The folder of torch's modules; None where it is not installed."""

    def cpu(self, core: int) -> Path:
        """Return the folder of one logical CPU."""
        return self.sys / f"devices/system/cpu/cpu{core}"


def here() -> Sources:
    """Return the machine as this process sees it."""
    return Sources(
        proc=Path("/proc"),
        sys=Path("/sys"),
        environ=os.environ,
        cores=tuple(sorted(os.sched_getaffinity(0))),
        pid=os.getpid(),
        torch=_torch(),
    )


def _torch() -> Path | None:
    """Find torch without importing it."""
    spec = find_spec("torch")
    return Path(spec.origin).parent if spec and spec.origin else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """Another process, and what it used of one core during the sample."""

    pid: int
    name: str
    core_percent: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """What happened during the sample; None where it is not visible here."""

    seconds: float
    foreign_percent: float | None = None
    """Share of our cores' time used by processes other than this one."""
    steal_percent: float | None = None
    """Share of our cores' time taken by the hypervisor."""
    boot_steal_percent: float | None = None
    """Share since boot of the time the cores had work: nothing can be stolen from an idle core."""
    processes: tuple[Process, ...] = ()
    """Processes, the busiest first."""
    swap_in_mib_s: float | None = None
    swap_out_mib_s: float | None = None
    throttled_periods: int | None = None
    """Periods in which the control group had used up its quota."""
    thermal_events: int | None = None
    boot_thermal_events: int | None = None
    pressure_percent: Mapping[str, float] = field(default_factory=dict)
    """Share of the sample in which tasks waited, by resource: cpu, memory, io."""


Check = Callable[[Sources, Activity], Iterator[Finding]]
"""One check. Its name is the finding's, with spaces."""


def fine(check: str, value: str, *, number: float | None = None, unit: str = "") -> Finding:
    """Return a finding that needs no action."""
    return Finding(check=check, severity=Severity.FINE, value=value, number=number, unit=unit)


def hidden(check: str, why: str) -> Finding:
    """Return a finding without an answer, with the reason."""
    return Finding(check=check, severity=Severity.HIDDEN, value=why)


def read(path: Path) -> str | None:
    """Read a file of the kernel, stripped; None where it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def read_number(path: Path) -> int | None:
    """Read a file that holds one whole number."""
    text = read(path)
    return int(text) if text and text.lstrip("-").isdigit() else None


def read_table(path: Path) -> dict[str, int]:
    """Read lines of a name and a number, as in /proc/meminfo; others are left out."""
    rows = (line.split() for line in (read(path) or "").splitlines())
    return {row[0].rstrip(":"): int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}


def plain(text: str) -> str:
    """Make a name that others chose safe for a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def cpu_list(cpus: list[int]) -> str:
    """Return the kernel's list format: 0, 1, 2, 8 is "0-2,8"."""
    parts: list[list[int]] = []
    for cpu in sorted(cpus):
        if parts and cpu == parts[-1][-1] + 1:
            parts[-1].append(cpu)
        else:
            parts.append([cpu])
    return ",".join(f"{part[0]}-{part[-1]}" if part[1:] else str(part[0]) for part in parts)
