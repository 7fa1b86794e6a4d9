"""Runs every check of what would make measurements on this machine noisy.

What cannot be read is a finding too ("not visible"), so that a missing answer is never taken for a
good one, and a machine without some file never causes a crash.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from resnext_bench.machine import lock
from resnext_bench.machine.doctor import environment, load, memory, processor, start
from resnext_bench.machine.doctor.activity import sample
from resnext_bench.machine.doctor.findings import Activity, Check, Finding, Severity, fine, hidden
from resnext_bench.machine.doctor.gpu_build import build_findings
from resnext_bench.machine.doctor.gpu_driver import (
    count_findings,
    left_out_findings,
    silence_findings,
)
from resnext_bench.machine.doctor.gpu_places import NODE, place_findings
from resnext_bench.machine.doctor.gpus import GpuState, gpu_findings, read_gpus
from resnext_bench.machine.host.sources import Sources

CHECKS: tuple[Check, ...] = (
    *load.CHECKS,
    *processor.CHECKS,
    *memory.CHECKS,
    *environment.CHECKS,
    *start.CHECKS,
)
_ORDER = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """The condition of the machine at one moment."""

    cores: int
    """Logical CPUs this process may run on."""
    sample_s: float
    spoils: bool
    """Whether a measurement taken now should not be believed."""
    findings: tuple[Finding, ...]
    """All findings, the worst first."""


def examine(
    sources: Sources,
    *,
    sampler: Callable[[Sources], Activity] = sample,
    gpus: Callable[[], Sequence[GpuState] | None] = read_gpus,
    holder: Callable[[], lock.Holder | None] = lock.holder,
) -> Condition:
    """Run all checks; this takes as long as the sampler, a second."""
    activity = sampler(sources)
    found = [_other_measurement(holder())]
    for check in CHECKS:
        found += _ask(check, sources, activity)
    of_gpus = _gpus(gpus, sources)
    found = [*(_beside_gpus(one, of_gpus) for one in found), *of_gpus]
    found.sort(key=lambda finding: _ORDER[finding.severity])
    return Condition(
        cores=len(sources.cores),
        sample_s=activity.seconds,
        spoils=any(finding.severity is Severity.SPOILS for finding in found),
        findings=tuple(found),
    )


def _ask(check: Check, sources: Sources, activity: Activity) -> list[Finding]:
    """Run a check; an answer in an unknown format counts as none."""
    try:
        return list(check(sources, activity))
    except (OSError, ValueError):
        name = getattr(check, "__name__", "check").replace("_", " ")
        return [hidden(name, "the answer has an unknown format")]


def _gpus(gpus: Callable[[], Sequence[GpuState] | None], sources: Sources) -> list[Finding]:
    try:
        states = gpus()
    except Exception as error:  # NVML's own error types exist only where it is installed
        return [hidden("gpus", f"the driver failed: {error}")]
    if states is None:
        return list(silence_findings(sources))
    return [
        *gpu_findings(states, sources.proc),
        *build_findings(states, sources),
        *place_findings(states, sources),
        *count_findings(states),
        *left_out_findings(),
    ]


def _beside_gpus(finding: Finding, of_gpus: Sequence[Finding]) -> Finding:
    """Return a finding on cores as it stands where ranks are bound to the nodes of their GPUs."""
    known = any(one.check == NODE and one.number is not None for one in of_gpus)
    if finding.check != "numa nodes" or finding.severity is not Severity.DISTURBS or not known:
        return finding
    return replace(
        finding,
        severity=Severity.NOTE,
        why=(
            "ranks on GPUs get cores of their GPU's node; those on the CPU may find their memory "
            "pages near in one launch and far in the next"
        ),
        advice="bind a run on the CPU to one node; leave runs on GPUs alone",
        command=f"{finding.command} --device cpu",
    )


def _other_measurement(holder: lock.Holder | None) -> Finding:
    if holder is None:
        return fine("other measurement", "none")
    since = datetime.fromtimestamp(holder.since_s).strftime("%H:%M:%S")
    who = f"{holder.what} (pid {holder.pid}) since {since}" if holder.pid else holder.what
    return Finding(
        check="other measurement",
        severity=Severity.SPOILS,
        value=who,
        why="two measurements on one machine disturb each other",
        advice="wait for it to end",
    )
