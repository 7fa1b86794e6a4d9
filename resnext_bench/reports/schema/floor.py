"""What `doctor --aa` found: the noise floor of a machine."""

import msgspec

from resnext_bench.reports.schema.comparison import Design, Range


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """What one design shows on this machine."""

    id: str
    """Of the stored comparison."""
    design: Design
    notes: tuple[str, ...]
    """What disturbed its sessions, each kind once, with their number."""
    sessions: int
    """Those that count."""
    invalid: int
    sd_percent: float
    """Standard deviation of a session's effect, less that of order where sessions are launches."""
    effect: Range
    """Of a thing against itself: should hold 0."""
    order: Range | None
    detectable_percent: dict[int, float]
    """Smallest change told from none with 95 % power, by the most sessions that `compare` may
    take: at the last of the looks that it plans for so many."""
    needed: dict[float, int]
    """Sessions for a change of this fraction with 95 % power, at the last look of `compare`'s
    default plan. Large changes are told sooner."""


class Floor(msgspec.Struct, frozen=True, kw_only=True):
    """Both designs, and whether a duet disturbs what it measures."""

    duet: Noise
    relaunch: Noise
    contamination: Range
    """Step time in a duet over that alone, less 1. Both sides share it, so it cancels there."""
    quiet_percent: float
    """Most that the waiting side used of its cores."""
