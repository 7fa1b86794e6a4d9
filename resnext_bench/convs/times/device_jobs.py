"""What the program and the process that times plans on a GPU say to each other, line by line.

The job goes to its standard input, and messages come from its standard output, each as JSON. No
torch is needed to read them.
"""

import msgspec

from resnext_bench.reports.schema.convs import Convolution
from resnext_bench.reports.schema.plan_times import Times, TorchChoice
from resnext_bench.resnext.convolutions import Operation


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A problem that is to be timed."""

    at: int
    """Its place in the whole list."""
    convolution: Convolution
    operation: Operation
    skipped: tuple[str, ...] = ()
    """Tags of plans that have broken a process before."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """All that one process is to time."""

    problems: tuple[Asked, ...]
    rounds: int
    block_s: float
    repeats: int


class TimedPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A plan, as it ran at its place in the library's list."""

    tag: str
    workspace: int | None = None
    """Bytes that it needs beside its tensors; None where it cannot be built."""
    times: Times


class TimedProblem(msgspec.Struct, frozen=True, kw_only=True):
    """All plans and choices of a problem, which have taken turns."""

    sets: int
    """Number of sets of tensors through which calls go in turn; 1: one set exceeds the cache."""
    plans: tuple[TimedPlan, ...]
    """Plans in the library's order."""
    choices: tuple[TorchChoice, ...]


class Begun(msgspec.Struct, frozen=True, kw_only=True, tag="begun"):
    """The device and its libraries are there."""

    device: str
    cache_bytes: int
    copy_bytes_per_s: float | None
    """Rate of a large copy, bytes read and written; None where there was no room for it."""
    torch: str
    cudnn: int
    frontend: str


class Trying(msgspec.Struct, frozen=True, kw_only=True, tag="trying"):
    """A plan is about to run for the first time: what breaks the process now is its fault."""

    at: int
    plan: str
    """Its tag; empty where it is no plan that runs now."""


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """A problem was timed."""

    at: int
    found: TimedProblem


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """A problem could not be timed."""

    at: int
    why: str


class Unable(msgspec.Struct, frozen=True, kw_only=True, tag="unable"):
    """Nothing can be timed here."""

    why: str


Message = Begun | Trying | Done | Refused | Unable
