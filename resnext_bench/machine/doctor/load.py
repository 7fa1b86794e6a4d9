"""Checks of what others take: cores, by processes and the hypervisor, and the waiting it causes."""

from collections.abc import Iterator
from typing import Final

from resnext_bench.machine.doctor.findings import (
    Activity,
    Check,
    Finding,
    Process,
    Severity,
    Sources,
    fine,
    hidden,
)
from resnext_bench.reports.schema.record import Thresholds

_NAMED: Final = 3
_LIMITS: Final = Thresholds()
_WAITING: Final = {
    "cpu": (5.0, "threads were ready to run but had no core"),
    "memory": (1.0, "threads stood still while the kernel looked for memory"),
    "io": (10.0, "threads stood still for the disk, as the loader's reads will"),
}
"""Pressure above which it counts, in per cent of the sample, and what it means."""


def other_load(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check how much other processes use our cores."""
    lost = activity.foreign_percent
    if lost is None:
        yield hidden("other load", "there are no counters of the cores")
        return
    severity = _severity(lost, activity)
    share = f"{lost:.0f} % of {_cores(sources)}"
    if severity is Severity.FINE:
        yield fine("other load", share, number=round(lost, 1), unit="%")
        return
    named = activity.processes[:_NAMED]
    pids = ",".join(str(process.pid) for process in named)
    yield Finding(
        check="other load",
        severity=severity,
        value=f"{share}: {_names(lost, sources, activity)}",
        number=round(lost, 1),
        unit="%",
        why="ranks wait for a core, and all ranks wait for the slowest",
        advice="end or move these processes" if named else "look for these processes on the host",
        command=f"ps -o pid,user,etime,pcpu,args -p {pids}" if named else "",
    )


def _names(lost: float, sources: Sources, activity: Activity) -> str:
    """Name the busiest processes, and say whether others did most of it."""
    named = ", ".join(_name(process) for process in activity.processes[:_NAMED])
    all_percent = sum(process.core_percent for process in activity.processes)
    if all_percent >= lost * len(sources.cores) / 2:
        return named
    rest = "processes that are not visible here or ended"
    return f"{named}, the rest by {rest}" if named else f"by {rest}"


def _name(process: Process) -> str:
    return f"{process.name} (pid {process.pid}) {process.core_percent:.0f} % of a core"


def steal(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check how much the hypervisor takes of our cores."""
    now, boot = activity.steal_percent, activity.boot_steal_percent
    if now is None or boot is None:
        yield hidden("steal", "there are no counters of the cores")
        return
    value = f"{now:.1f} % now, {boot:.1f} % of the busy time since boot"
    severity = _severity(now, activity)
    if severity is Severity.FINE and boot > _LIMITS.cores_lost_note_percent:
        severity = Severity.DISTURBS
    if severity is Severity.FINE:
        yield fine("steal", f"{now:.0f} %", number=round(now, 1), unit="%")
        return
    yield Finding(
        check="steal",
        severity=severity,
        value=value,
        number=round(now, 1),
        unit="%",
        why="the host runs other guests on our cores in the middle of a step",
        advice="use a guest with dedicated cores; in compare, duets suffer least",
    )


def _severity(percent: float, activity: Activity) -> Severity:
    """Judge by the limits of a run: losses to other processes and to steal are added up."""
    total = (activity.foreign_percent or 0.0) + (activity.steal_percent or 0.0)
    if percent <= _LIMITS.cores_lost_note_percent:
        return Severity.FINE
    return Severity.SPOILS if total > _LIMITS.cores_lost_percent else Severity.DISTURBS


def pressure(sources: Sources, activity: Activity) -> Iterator[Finding]:
    """Check how long threads of the whole machine waited for a scarce resource."""
    known = activity.pressure_percent
    if not known:
        yield hidden("pressure", "the kernel has no pressure stall information")
        return
    scarce = [name for name in known if known[name] > _WAITING[name][0]]
    for name in scarce:
        yield Finding(
            check=f"{name} pressure",
            severity=Severity.DISTURBS,
            value=f"{known[name]:.0f} % of {activity.seconds:.1f} s",
            number=round(known[name], 1),
            unit="%",
            why=_WAITING[name][1],
            advice="find out which processes wait, and for which, before measuring",
            command=f"cat /proc/pressure/{name}",
        )
    if not scarce:
        parts = ", ".join(f"{name} {share:.0f} %" for name, share in known.items())
        yield fine("pressure", parts, number=round(max(known.values()), 1), unit="%")


def _cores(sources: Sources) -> str:
    count = len(sources.cores)
    return f"{count} cores" if count > 1 else "1 core"


CHECKS: Final[tuple[Check, ...]] = (other_load, steal, pressure)
