"""Page faults of processes that have ended, as the kernel counts them for who waited for them."""

import resource
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """Page faults of a process and of all below it that were waited for."""

    minor: int = 0
    """A page was given, zeroed or mapped, without reading a disk."""
    major: int = 0
    """A page was read from a disk."""

    def __add__(self, other: "Faults") -> "Faults":
        return Faults(minor=self.minor + other.minor, major=self.major + other.major)

    def __sub__(self, other: "Faults") -> "Faults":
        return Faults(minor=self.minor - other.minor, major=self.major - other.major)


def faults_of_ended() -> Faults:
    """Of all children of this program that it has waited for so far; differences tell of one.

    Whoever of a child's own children nobody waited for is missed: daemons, and what was killed.
    """
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Faults(minor=ended.ru_minflt, major=ended.ru_majflt)
