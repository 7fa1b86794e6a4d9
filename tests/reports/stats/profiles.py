"""Step times as machines produce them: AR(1) noise, launch offsets, spikes, neighbours' bursts.

Effects are on log time; sizes are fractions of a step, lengths are steps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """What one kind of machine does to a step's time."""

    ar: float
    ar_sd: float
    launch_sd: float
    drift_sd: float
    spike_p: float
    spike_mean: float
    burst_length: float = 150.0
    burst_gap: float = 0.0
    burst_size: float = 0.0
    trend_per_step: float = 0.0


QUIET = Profile(ar=0.5, ar_sd=0.005, launch_sd=0.002, drift_sd=0.001, spike_p=0.005, spike_mean=0.3)
SHARED = Profile(
    ar=0.7, ar_sd=0.015, launch_sd=0.005, drift_sd=0.005, spike_p=0.01, spike_mean=0.5,
    burst_gap=1500.0, burst_size=0.04,
)  # fmt: skip
HOSTILE = Profile(
    ar=0.8, ar_sd=0.03, launch_sd=0.01, drift_sd=0.015, spike_p=0.02, spike_mean=0.5,
    burst_length=200.0, burst_gap=800.0, burst_size=0.10,
)  # fmt: skip
TRENDING = Profile(
    ar=0.5, ar_sd=0.005, launch_sd=0.002, drift_sd=0.001, spike_p=0.005, spike_mean=0.3,
    trend_per_step=1e-4,
)  # fmt: skip


def log_noise(profile: Profile, steps: int, rng: np.random.Generator) -> Floats:
    """Return the log time of one launch's steps, [steps], around 0."""
    index = np.arange(steps)
    spikes = rng.exponential(profile.spike_mean, steps) * (rng.random(steps) < profile.spike_p)
    noise: Floats = (
        _ar(profile, steps, rng)
        + rng.normal(0, profile.launch_sd)
        + spikes
        + profile.burst_size * _bursting(profile, steps, rng)
        + profile.trend_per_step * index
    )
    return noise


def _ar(profile: Profile, steps: int, rng: np.random.Generator) -> Floats:
    """Return AR(1) noise whose stationary standard deviation is `ar_sd`."""
    inner = rng.normal(0, profile.ar_sd * np.sqrt(1 - profile.ar**2), steps)
    inner[0] = rng.normal(0, profile.ar_sd)
    noise: Floats = lfilter([1.0], [1.0, -profile.ar], inner)
    return noise


def _bursting(profile: Profile, steps: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return whether a neighbour is at work, exponential lengths, started in equilibrium."""
    busy = np.zeros(steps, dtype=np.bool_)
    if profile.burst_size == 0:
        return busy
    now = bool(rng.random() < profile.burst_length / (profile.burst_length + profile.burst_gap))
    at = 0
    while at < steps:
        mean = profile.burst_length if now else profile.burst_gap
        until = at + 1 + int(rng.exponential(mean))
        busy[at:until] = now
        at, now = until, not now
    return busy
