"""Memory that a program may still have here."""

from resnext_bench.machine import cgroup
from resnext_bench.machine.cpu import available_memory_gib
from resnext_bench.machine.findings import here


def free_memory_gib() -> float:
    """What new processes may have: the machine's, or less where a control group is limited."""
    allowed = cgroup.free_memory_gib(here())
    there = available_memory_gib()
    return there if allowed is None else min(there, allowed)
