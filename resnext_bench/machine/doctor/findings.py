"""What one check of the machine found, in words for people and numbers for programs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from resnext_bench.machine.host.sources import Sources


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
