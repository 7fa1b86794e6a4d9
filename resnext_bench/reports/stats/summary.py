"""Sums up a measured window: throughput, step times, and the parts of a step.

Arrays are [ranks, steps] unless stated otherwise. Nothing here is a mean of rates: a rate is work
over time, and both are added up before they are divided. The caller cuts warm-up first
(`resnext_bench.reports.stats.steady`): a function here counts every step that it is given.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from resnext_bench.reports.stats.series import MAD_TO_SD

Floats = NDArray[np.float64]

NS_PER_MS = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class StepTimes:
    """The distribution of step times, in ms, each step as long as its slowest rank."""

    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    jitter_ms: float
    """1.4826·MAD: the standard deviation without outliers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseSplit:
    """The parts of a rank's mean step, in ms; the rest of it lies between them."""

    step_ms: float
    data_wait_ms: float
    forward_ms: float
    backward_ms: float
    optimizer_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Throughput:
    """Images per second of all devices together, and the equal share of each."""

    images_per_s: float
    images_per_s_per_device: float


def slowest_rank(step_ns: ArrayLike) -> Floats:
    """Return the time of each step [steps]: the maximum over ranks of that same step.

    Ranks wait for one another, so a step is done when its slowest rank is. The slowest rank
    overall would miss stragglers that take turns; the mean over ranks would miss them all.
    """
    longest: Floats = _table(step_ns).max(axis=0)
    return longest


def throughput(images: int, window_s_per_rank: ArrayLike, *, devices: int) -> Throughput:
    """Return the images of all ranks in the window over the longest rank's window [ranks].

    A mean of per-iteration rates hides slow steps (a first step of 10 s leaves 1198 images/s where
    625 is true, DeepLearningExamples); a mean of ranks' throughputs makes eight ranks report that
    of one; a volume over the mean step is too large by the number of steps (optimum-benchmark).
    """
    windows = np.asarray(window_s_per_rank, dtype=np.float64)
    if windows.ndim != 1 or windows.size == 0 or not _positive(windows):
        raise ValueError("windows must be one row of positive seconds, one for each rank")
    if images < 1 or devices < 1:
        raise ValueError(f"{images} images on {devices} devices: at least 1 of each is needed")
    total = images / float(windows.max())
    return Throughput(images_per_s=total, images_per_s_per_device=total / devices)


def step_times(step_ns: ArrayLike) -> StepTimes:
    """Return mean, percentiles and spread of the slowest rank's steps, from [ranks, steps] ns.

    Percentiles interpolate linearly. A mean above p99 is a sign that warm-up was counted (14 of 36
    published rows of DeepLearningExamples).
    """
    step_ms = slowest_rank(step_ns) / NS_PER_MS
    p50, p95, p99 = (float(value) for value in np.percentile(step_ms, (50, 95, 99)))
    return StepTimes(
        mean_ms=float(step_ms.mean()),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        jitter_ms=float(MAD_TO_SD * np.median(np.abs(step_ms - p50))),
    )


def phase_split(
    step_ns: ArrayLike,
    *,
    data_wait_ns: ArrayLike,
    forward_ns: ArrayLike,
    backward_ns: ArrayLike,
    optimizer_ns: ArrayLike,
) -> PhaseSplit:
    """Return the mean over ranks and steps of each part and of the whole, from [ranks, steps] ns.

    Means are used, as medians or maxima of parts do not add up to a step. `step_ms` is the ranks'
    own mean step, so it may lie below the mean of the slowest rank's steps.
    """
    step = _table(step_ns)
    given = (data_wait_ns, forward_ns, backward_ns, optimizer_ns)
    parts = [np.asarray(part, dtype=np.float64) for part in given]
    if any(part.shape != step.shape for part in parts):
        raise ValueError(f"phases must have the shape of the steps, {step.shape}")
    if any(not np.isfinite(part).all() or (part < 0).any() for part in parts):
        raise ValueError("phases must be finite and not negative")
    step_ms = float(step.mean()) / NS_PER_MS
    wait, forward, backward, optimizer = (float(part.mean()) / NS_PER_MS for part in parts)
    return PhaseSplit(
        step_ms=step_ms,
        data_wait_ms=wait,
        forward_ms=forward,
        backward_ms=backward,
        optimizer_ms=optimizer,
    )


def _table(step_ns: ArrayLike) -> Floats:
    """Return the steps as [ranks, steps]; raise ValueError if a maximum or sum would be wrong."""
    table = np.asarray(step_ns, dtype=np.float64)
    if table.ndim != 2 or table.size == 0 or not _positive(table):
        raise ValueError("steps must be a table [ranks, steps] of positive nanoseconds")
    return table


def _positive(values: Floats) -> bool:
    return bool((np.isfinite(values) & (values > 0)).all())
