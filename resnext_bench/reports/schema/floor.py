"""The result of `doctor --aa`: the noise floor of a machine."""

import msgspec

from resnext_bench.reports.schema.comparison import Design
from resnext_bench.reports.schema.interval import Range


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """The noise of one design on this machine."""

    id: str
    """Id of the stored comparison."""
    design: Design
    notes: tuple[str, ...]
    """What disturbed its sessions, each kind once, with the number of sessions."""
    sessions: int
    """Number of sessions that count."""
    invalid: int
    sd_percent: float
    """Standard deviation of a session's effect, per cent; in relaunches, without the effect of
    order."""
    effect: Range
    """Effect of a thing compared with itself; its interval should hold 0."""
    order: Range | None
    detectable_percent: dict[int, float]
    """Smallest change that is found with 95 % power, per cent, by the number of sessions: at the
    last of the looks that `compare` plans for so many."""
    needed: dict[float, int]
    """Number of sessions with which a change of this fraction is found with 95 % power, at the last
    look of `compare`'s default plan. Larger changes are found sooner."""


class Floor(msgspec.Struct, frozen=True, kw_only=True):
    """The noise of both designs, and whether a duet disturbs what it measures."""

    duet: Noise
    relaunch: Noise
    contamination: Range
    """Step time in a duet over that of a launch alone, less 1. Both sides share it, so it
    cancels."""
    quiet_percent: float
    """Largest share of its cores that the waiting side used, per cent."""
