"""What was timed of cuDNN's plans on a GPU, beside PyTorch's own choices among them."""

from typing import Final, Literal, get_args

import msgspec

from resnext_bench.reports.schema.notes import Note
from resnext_bench.resnext.convolutions import Operation

FaultKind = Literal[
    "unbuilt", "no_memory", "raised", "unwritten", "wrong", "broke", "uncaptured", "slow"
]
"""What speaks against a plan, or a choice.

- unbuilt: the library lists it and cannot build it.
- no_memory: there is no room for its workspace.
- raised: it was built, and running it raised an error.
- unwritten: its result holds NaN that lay in memory before.
- wrong: its result is off by more than rounding explains.
- broke: the device, or the process, did not answer any more once it had run.
- uncaptured: no CUDA graph of it could be made, so that the host's time is in its own.
- slow: it takes many times as long as the best, and has few samples.
"""
NOT_TIMED: Final[tuple[FaultKind, ...]] = get_args(FaultKind)[:-2]
"""Faults of what is not timed at all."""
Mode = Literal["off", "limit 10", "no limit"]
"""How PyTorch is to choose: without cuDNN benchmark; with it, among the first ten plans, or all."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that speaks against a plan, or a choice."""

    kind: FaultKind
    said: str = ""
    """The library's words; empty where it said nothing."""


class Times(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was measured of one way to compute a problem."""

    samples_us: tuple[float, ...] = ()
    """µs of a call in each round, with tensors that are not in the L2 cache; empty where it was not
    timed."""
    warm_us: tuple[float, ...] = ()
    """The same with tensors that the call before has used; empty where a set of them exceeds the
    cache by far, which is never warm then."""
    error: float | None = None
    """||found - exact|| / ||exact|| against float64; None where nothing ran, or it holds NaN."""
    kernels: tuple[str, ...] = ()
    """Kernels of a call, in their order; empty where a profile told none."""
    faults: tuple[Fault, ...] = ()

    @property
    def is_timed(self) -> bool:
        """Whether it was right, and timed."""
        return bool(self.samples_us)


class TimedPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A plan, run by its place in the library's list."""

    tag: str
    workspace: int | None = None
    """Bytes that it needs beside its tensors; None where it cannot be built."""
    times: Times


class TorchChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What PyTorch chose, asked in a thread that had chosen nothing yet."""

    mode: Mode
    number: int
    """How often it was asked in this mode so far, with this time."""
    search_s: float = 0.0
    """Seconds of the first call, in which cuDNN plans, builds and, with benchmark on, tries."""
    times: Times


class TimedProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of one convolution: all plans and choices have taken turns."""

    convolution: int
    """Index of the convolution."""
    operation: Operation
    sets: int
    """Number of sets of tensors through which calls go in turn; 1: one set exceeds the cache."""
    plans: tuple[TimedPlan, ...]
    """Plans in the library's order."""
    choices: tuple[TorchChoice, ...]
    invalid: tuple[Note, ...] = ()
    """What makes the times of this problem doubtful: clocks that were held down, another tenant."""
    notes: tuple[Note, ...] = ()


class Bandwidth(msgspec.Struct, frozen=True, kw_only=True):
    """Rates of the device's memory, bytes/s."""

    measured: float | None = None
    """Bytes read and written by a copy that no cache holds; None where it was not measured."""
    documented: float | None = None
    """By its maker's data sheet; None for a device that is not known here."""

    @property
    def for_floor(self) -> float | None:
        """The rate for the least time: the larger, as a floor must lie below what is measured."""
        known = [rate for rate in (self.measured, self.documented) if rate]
        return max(known, default=None)


class DeviceTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The times of all problems on one GPU."""

    device: str
    """The GPU's name."""
    rounds: int
    cache_bytes: int
    """Size of the L2 cache."""
    bandwidth: Bandwidth
    problems: tuple[TimedProblem, ...]
