"""Page faults of processes that have ended, as the kernel reports them to their parent."""

import resource
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """Page faults of a process and of all descendants that were waited for."""

    minor: int = 0
    """Faults that gave, zeroed or mapped a page without reading a disk."""
    major: int = 0
    """Faults that read a page from a disk."""

    def __add__(self, other: "Faults") -> "Faults":
        return Faults(minor=self.minor + other.minor, major=self.major + other.major)

    def __sub__(self, other: "Faults") -> "Faults":
        return Faults(minor=self.minor - other.minor, major=self.major - other.major)


def faults_of_ended() -> Faults:
    """Return the page faults of all children waited for so far; differences give those of one.

    Children of a child that nothing waited for are missed: daemons, and processes that were killed.
    """
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Faults(minor=ended.ru_minflt, major=ended.ru_majflt)
