"""What was timed of cuDNN's plans on a GPU, beside PyTorch's own choices among them."""

from typing import Final, Literal, get_args

import msgspec

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
- uncaptured: no CUDA graph of it could be made: the host's time is in that of a plan, and a choice
  is not timed.
- slow: it takes many times as long as the best, and has few samples.
"""
FALSE: Final[tuple[FaultKind, ...]] = ("wrong", "unwritten")
"""Faults of a result with which nobody should train."""
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
    kernel: str = ""
    """The longest of them."""
    faults: tuple[Fault, ...] = ()

    @property
    def is_timed(self) -> bool:
        """Whether it was right, and timed."""
        return bool(self.samples_us)

    @property
    def is_false(self) -> bool:
        """Whether its result was wrong."""
        return any(fault.kind in FALSE for fault in self.faults)


class TorchChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What PyTorch chose, asked in a thread that had chosen nothing yet."""

    mode: Mode
    number: int
    """How often it was asked in this mode so far, with this time."""
    search_s: float = 0.0
    """Seconds of the first call, in which cuDNN plans, builds and, with benchmark on, tries."""
    times: Times


class DeviceMemory(msgspec.Struct, frozen=True, kw_only=True):
    """The caches and the memory of a GPU."""

    cache_bytes: int
    """Size of the L2 cache."""
    measured: float | None = None
    """Rate of a copy that no cache holds, bytes read and written, bytes/s; None where there was no
    room for it."""
    documented: float | None = None
    """Rate by its maker's data sheet, bytes/s; None for a device that is not known here."""

    @property
    def for_floor(self) -> float | None:
        """The higher rate of both: no call may take less than the floor."""
        known = [rate for rate in (self.measured, self.documented) if rate]
        return max(known, default=None)
