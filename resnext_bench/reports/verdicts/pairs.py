"""Turns what two sides gathered in one session into the pair that a comparison counts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import log

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.figures.window import slow_steps_of
from resnext_bench.reports.schema.comparison import PHASES, Drift
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.reports.schema.sessions import SlowSteps
from resnext_bench.reports.stats.effects import session_effect
from resnext_bench.reports.stats.summary import slowest_rank
from resnext_bench.reports.stats.trend import fitted_trend, session_trend

Floats = NDArray[np.float64]
Both = tuple[float, float]

FEWEST_FOR_SLOPE = 5
"""Fewest values through which a line is fitted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Figures of one session of both sides, a before b in every tuple."""

    log_ratio: float
    """ln(b / a) of all steps together."""
    middle_log_ratio: float
    """ln(b / a) of the median step."""
    blocks_ms: tuple[Both, ...]
    step_ms: Both
    middle_ms: Both
    slow: tuple[SlowSteps | None, SlowSteps | None]
    phases_ms: dict[str, Both]
    drift: Drift | None

    def per_image(self, images: tuple[int, int]) -> "Measured":
        """Return the same per image, for sides whose steps have these numbers of images."""
        a, b = images
        return replace(
            self,
            log_ratio=self.log_ratio - log(b / a),
            middle_log_ratio=self.middle_log_ratio - log(b / a),
            step_ms=(self.step_ms[0] / a, self.step_ms[1] / b),
            middle_ms=(self.middle_ms[0] / a, self.middle_ms[1] / b),
            phases_ms={phase: (one / a, two / b) for phase, (one, two) in self.phases_ms.items()},
        )


def of_duet(a: SessionResult, b: SessionResult, block_steps: int) -> Measured:
    """Return the figures of alternating blocks; the first block of each side does not count.

    The session counts with the ratio of all steps together, each as long as its slowest rank, and
    also with the median of the log ratios of the blocks' median steps.
    """
    kept = tuple(_steps_ms(side)[block_steps:] for side in (a, b))
    blocks = tuple(np.median(side.reshape(-1, block_steps), axis=1) for side in kept)
    ratios = np.log(blocks[1] / blocks[0])
    pairs = zip(blocks[0].tolist(), blocks[1].tolist(), strict=True)
    # One step before each block ran and is not among the samples.
    places = np.arange(len(kept[0])) + np.arange(len(kept[0])) // block_steps
    return Measured(
        log_ratio=total_effect(*kept),
        middle_log_ratio=session_effect(ratios),
        blocks_ms=tuple((round(first, 4), round(second, 4)) for first, second in pairs),
        step_ms=_both(np.mean, *kept),
        middle_ms=_both(np.median, *blocks),
        slow=(slow_steps_of(kept[0], places), slow_steps_of(kept[1], places)),
        phases_ms=_phases_ms(a, b, block_steps, block_steps),
        drift=drift_of(*kept),
    )


def of_launches(a: SessionResult, b: SessionResult, cut_a: int, cut_b: int) -> Measured:
    """Return the figures of a launch of each side, each cut where it became steady."""
    kept = _steps_ms(a)[cut_a:], _steps_ms(b)[cut_b:]
    return replace(of_steps(*kept), phases_ms=_phases_ms(a, b, cut_a, cut_b))


def of_steps(a_ms: Floats, b_ms: Floats) -> Measured:
    """Return the figures of a launch of each side from step times alone, [n] and [m]."""
    middle = _both(np.median, a_ms, b_ms)
    return Measured(
        log_ratio=total_effect(a_ms, b_ms),
        middle_log_ratio=log(middle[1] / middle[0]),
        blocks_ms=(),
        step_ms=_both(np.mean, a_ms, b_ms),
        middle_ms=middle,
        slow=(slow_steps_of(a_ms), slow_steps_of(b_ms)),
        phases_ms={},
        drift=drift_of(a_ms, b_ms),
    )


def total_effect(a_ms: Floats, b_ms: Floats) -> float:
    """Return the log ratio of the mean steps, b over a: of all time over all steps."""
    return log(float(b_ms.mean()) / float(a_ms.mean()))


def drift_of(*sides_ms: Floats) -> Drift | None:
    """Return how the steps [n] of both sides move within a session, on average.

    None where there are too few steps.
    """
    if min(len(steps) for steps in sides_ms) < FEWEST_FOR_SLOPE:
        return None
    trends = [fitted_trend(np.log(steps)) for steps in sides_ms]
    found = session_trend(trends)
    first, last = trends[0], trends[-1]
    return Drift(
        slope_percent=found.slope_percent_per_step,
        error_percent=found.error_percent_per_step,
        moved_percent=found.drift_percent,
        sides_percent=(first.drift_percent, last.drift_percent) if len(trends) > 1 else None,
    )


def _steps_ms(result: SessionResult) -> Floats:
    return slowest_rank([samples.step_ns for samples in result.samples]) / 1e6


def _both(figure: Callable[[Floats], np.floating], a: Floats, b: Floats) -> Both:
    return float(figure(a)), float(figure(b))


def _phases_ms(
    a: SessionResult, b: SessionResult, cut_a: int, cut_b: int
) -> dict[str, tuple[float, float]]:
    parts_a, parts_b = _parts_ms(a, cut_a), _parts_ms(b, cut_b)
    return {phase: (parts_a[phase], parts_b[phase]) for phase in PHASES}


def _parts_ms(result: SessionResult, cut: int) -> dict[str, float]:
    """Return the mean of each part over steps and ranks, and the rest of the mean step."""
    parts = {phase: _mean_ms(result, phase, cut) for phase in PHASES if phase != "other"}
    step_ms = float(_steps_ms(result)[cut:].mean())
    return {**parts, "other": step_ms - sum(parts.values())}


def _mean_ms(result: SessionResult, phase: str, cut: int) -> float:
    rows = np.array([getattr(samples, f"{phase}_ns") for samples in result.samples])
    return float(rows[:, cut:].mean()) / 1e6
