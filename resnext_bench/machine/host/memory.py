"""Memory that a program may still have here."""

from resnext_bench.machine.doctor.findings import here
from resnext_bench.machine.host import cgroup
from resnext_bench.machine.host.cores import available_memory_gib


def free_memory_gib() -> float:
    """What new processes may have: the machine's, or less where a control group is limited."""
    allowed = cgroup.free_memory_gib(here())
    there = available_memory_gib()
    return there if allowed is None else min(there, allowed)
