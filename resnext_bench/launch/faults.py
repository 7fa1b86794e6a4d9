"""Page faults of a user's script while it writes step times.

glibc gives freed memory back to the kernel, which clears it anew at the next touch. How often that
happens follows from how a launch happens to lay out its heap, so launches of one script differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
FEWEST_STEPS: Final = 5
"""Fewest steps between the first look and the last that allow a figure of faults per step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """The state of a launch at one moment."""

    steps: int
    """Number of step times written so far."""
    faults: Mapping[int, int]
    """Minor and major page faults of each process of the launch that lives, by its id."""


@dataclass(kw_only=True, slots=True)
class FaultWatch:
    """Counts the page faults of a process and of all that it started, whenever it is asked to."""

    samples: Path
    proc: Path = _PROC
    looks: list[Look] = field(default_factory=list)

    def look(self, pid: int) -> None:
        """Note how many steps there are, and the page faults so far."""
        steps = _lines(self.samples)
        if not self.looks or steps > self.looks[-1].steps:
            self.looks.append(Look(steps=steps, faults=_faults(self.proc, pid)))


def faults_per_step(looks: Sequence[Look], cut: int) -> float | None:
    """Return the page faults per step after the first `cut`; None where there were too few steps.

    Only processes that lived at both moments count, so a loader that was started in between is left
    out.
    """
    kept = [look for look in looks if look.steps >= cut]
    if len(kept) < 2 or kept[-1].steps - kept[0].steps < FEWEST_STEPS:
        return None
    first, last = kept[0], kept[-1]
    both = first.faults.keys() & last.faults.keys()
    if not both:
        return None
    more = sum(last.faults[pid] - first.faults[pid] for pid in both)
    return more / (last.steps - first.steps)


def _lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return 0


def _faults(proc: Path, root: int) -> dict[int, int]:
    """Return the page faults of a process and its descendants."""
    parents, found = {}, {}
    for entry in proc.iterdir():
        if entry.name.isdigit() and (told := _told(entry)):
            parents[int(entry.name)], found[int(entry.name)] = told
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return {pid: faults for pid, faults in found.items() if pid in family}


def _told(entry: Path) -> tuple[int, int] | None:
    """Return the parent and page faults of a process, from proc(5); None once it is gone."""
    try:
        # A name may hold spaces and brackets: what follows its last bracket is fixed.
        fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
        return int(fields[1]), int(fields[7]) + int(fields[9])
    except (OSError, ValueError, IndexError):
        return None
