"""From what two sides gathered in one session to the pair that a comparison counts."""

from dataclasses import dataclass, replace
from math import log

import numpy as np
from numpy.typing import NDArray

from reports.schema.comparison import PHASES, Drift
from reports.schema.samples import SessionResult
from reports.stats.effects import session_effect
from reports.stats.summary import slowest_rank
from reports.stats.trend import fitted_trend, session_trend

Floats = NDArray[np.float64]

FEWEST_FOR_SLOPE = 5
"""Values through which a line is worth drawing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Figures of one session of both sides; a before b in every tuple."""

    log_ratio: float
    blocks_ms: tuple[tuple[float, float], ...]
    step_ms: tuple[float, float]
    phases_ms: dict[str, tuple[float, float]]
    drift: Drift | None

    def per_image(self, images: tuple[int, int]) -> "Measured":
        """The same, of the time per image, for sides whose steps have so many images."""
        a, b = images
        return replace(
            self,
            log_ratio=self.log_ratio - log(b / a),
            step_ms=(self.step_ms[0] / a, self.step_ms[1] / b),
            phases_ms={phase: (one / a, two / b) for phase, (one, two) in self.phases_ms.items()},
        )


def of_duet(a: SessionResult, b: SessionResult, block_steps: int) -> Measured:
    """A session of alternating blocks; the first block of each side is not counted.

    A block counts with the median of its steps, each as long as its slowest rank; the session
    with the median of the blocks' log ratios.
    """
    blocks_a, blocks_b = _blocks_ms(a, block_steps), _blocks_ms(b, block_steps)
    ratios = np.log(blocks_b / blocks_a)
    pairs = zip(blocks_a.tolist(), blocks_b.tolist(), strict=True)
    return Measured(
        log_ratio=session_effect(ratios),
        blocks_ms=tuple((round(first, 4), round(second, 4)) for first, second in pairs),
        step_ms=(float(np.median(blocks_a)), float(np.median(blocks_b))),
        phases_ms=_phases_ms(a, b, block_steps, block_steps),
        drift=drift_of(_steps_ms(a)[block_steps:], _steps_ms(b)[block_steps:]),
    )


def of_launches(a: SessionResult, b: SessionResult, cut_a: int, cut_b: int) -> Measured:
    """A launch of each side, both cut where they became steady."""
    kept = _steps_ms(a)[cut_a:], _steps_ms(b)[cut_b:]
    median_a, median_b = (float(np.median(steps)) for steps in kept)
    return Measured(
        log_ratio=float(np.log(median_b / median_a)),
        blocks_ms=(),
        step_ms=(median_a, median_b),
        phases_ms=_phases_ms(a, b, cut_a, cut_b),
        drift=drift_of(*kept),
    )


def drift_of(*sides_ms: Floats) -> Drift | None:
    """How the steps [n] of both sides move within a session, on average; None where too few."""
    if min(len(steps) for steps in sides_ms) < FEWEST_FOR_SLOPE:
        return None
    found = session_trend([fitted_trend(np.log(steps)) for steps in sides_ms])
    return Drift(
        slope_percent=found.slope_percent_per_step,
        error_percent=found.error_percent_per_step,
        moved_percent=found.drift_percent,
    )


def _steps_ms(result: SessionResult) -> Floats:
    return slowest_rank([samples.step_ns for samples in result.samples]) / 1e6


def _blocks_ms(result: SessionResult, block_steps: int) -> Floats:
    blocks = _steps_ms(result).reshape(-1, block_steps)[1:]
    medians: Floats = np.median(blocks, axis=1)
    return medians


def _phases_ms(
    a: SessionResult, b: SessionResult, cut_a: int, cut_b: int
) -> dict[str, tuple[float, float]]:
    return {phase: (_mean_ms(a, phase, cut_a), _mean_ms(b, phase, cut_b)) for phase in PHASES}


def _mean_ms(result: SessionResult, phase: str, cut: int) -> float:
    """Over steps and ranks; spikes are in it, as they are in the mean step."""
    rows = np.array([getattr(samples, f"{phase}_ns") for samples in result.samples])
    return float(rows[:, cut:].mean()) / 1e6
