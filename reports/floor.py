"""The noise floor of a machine: what comparisons of a thing with itself say that it can show."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.schema.comparison import Comparison, Design, Range
from reports.stats.effects import t_interval, to_percent, welch_interval
from reports.stats.power import sessions_needed, smallest_detectable
from reports.verdicts import CONFIDENCE, counted, range_of

Floats = NDArray[np.float64]

SESSIONS = (5, 10, 20)
CHANGES = (0.01, 0.02, 0.05)


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise:
    """What one design shows on this machine."""

    design: Design
    sessions: int
    sd_percent: float
    """Standard deviation of a session's effect: the noise that is left."""
    effect: Range
    """Of a thing against itself: should hold 0."""
    order: Range | None
    detectable_percent: dict[int, float]
    """Smallest change told from none with 95 % power, by number of sessions, one look."""
    needed: dict[float, int]
    """Sessions for a change of this fraction, one look, 95 % power."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Floor:
    """Both designs, and whether a duet disturbs what it measures."""

    duet: Noise
    relaunch: Noise
    contamination: Range
    """Step time in a duet over that alone, less 1. Both sides share it, so it cancels there."""
    quiet_percent: float
    """Most that the waiting side used of its cores."""


def floor_of(duet: Comparison, relaunch: Comparison) -> Floor:
    """Work it out from an A/A comparison of each design, taken in turn; two sessions at least."""
    quiet = [pair.quiet_percent for pair in duet.pairs if pair.quiet_percent is not None]
    levels = welch_interval(_levels(relaunch), _levels(duet), CONFIDENCE)
    return Floor(
        duet=_noise(duet),
        relaunch=_noise(relaunch),
        contamination=range_of(levels),
        quiet_percent=max(quiet, default=0.0),
    )


def _noise(record: Comparison) -> Noise:
    effects = np.array([pair.log_ratio for pair in counted(record.pairs)])
    sd = float(effects.std(ddof=1))
    return Noise(
        design=record.design,
        sessions=len(effects),
        sd_percent=to_percent(sd),
        effect=range_of(t_interval(effects, CONFIDENCE)),
        order=record.order_effect,
        detectable_percent={
            count: to_percent(
                smallest_detectable(sd / float(np.sqrt(count)), 1 - CONFIDENCE, count - 1)
            )
            for count in SESSIONS
        },
        needed={change: sessions_needed(sd, 0, float(np.log1p(change))) for change in CHANGES},
    )


def _levels(record: Comparison) -> Floats:
    """Log of the typical step of each session, both sides taken together."""
    pairs = counted(record.pairs)
    levels: Floats = np.log([pair.step_ms for pair in pairs]).mean(axis=1)
    return levels
