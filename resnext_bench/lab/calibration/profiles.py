"""Step times as machines produce them: AR(1) noise, launch offsets, spikes, neighbours' bursts.

Effects are on log time; sizes are fractions of a step, lengths are numbers of steps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """What one kind of machine does to the time of a step."""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Slow:
    """Slow steps of a program's own, which take `ratio` times as long as the others."""

    ratio: float
    every: int = 0
    """Number of steps from one to the next, from a random one on in each session; 0 for random
    places."""
    share: float = 0.0
    """Probability of a step to be slow, if they come at random."""
    both: bool = False
    """Whether both sides have them, or only b."""

    @property
    def adds(self) -> float:
        """By how much all steps together take longer, as a fraction."""
        return (self.ratio - 1) * (1 / self.every if self.every else self.share)


def with_slow(times: Floats, slow: Slow, rng: np.random.Generator) -> Floats:
    """Return log times [sessions, 2, pairs, steps] with a program's own slow steps."""
    sessions, _, pairs, steps = times.shape
    found = times.reshape(sessions, 2, pairs * steps).copy()
    for side in (0, 1) if slow.both else (1,):
        if slow.every:
            first = rng.integers(0, slow.every, (sessions, 1))
            is_slow = (np.arange(pairs * steps) + first) % slow.every == 0
        else:
            is_slow = rng.random((sessions, pairs * steps)) < slow.share
        found[:, side][is_slow] += np.log(slow.ratio)
    return found.reshape(times.shape)


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
    """Return whether a neighbour is busy, in bursts of exponential length, from equilibrium on."""
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


def machine_noises(profile: Profile, series: int, steps: int, rng: np.random.Generator) -> Floats:
    """Return what a machine does to any program, [series, steps]: all noise but the launch's."""
    shape = (series, steps)
    spikes = rng.exponential(profile.spike_mean, shape) * (rng.random(shape) < profile.spike_p)
    inner = rng.normal(0, profile.ar_sd * np.sqrt(1 - profile.ar**2), shape)
    inner[:, 0] = rng.normal(0, profile.ar_sd, series)
    noise: Floats = (
        lfilter([1.0], [1.0, -profile.ar], inner)
        + spikes
        + profile.burst_size * _many_bursting(profile, shape, rng)
    )
    return noise


def launches_in_turn(
    profile: Profile, comparisons: int, launches: int, steps: int, rng: np.random.Generator
) -> Floats:
    """Return log times [comparisons, launches, steps] of launches one after another.

    The machine's noise goes on from launch to launch; its drift moves on with each.
    """
    machine = machine_noises(profile, comparisons, launches * steps, rng)
    slots = (comparisons, launches, 1)
    drift = rng.normal(0, profile.drift_sd, slots).cumsum(axis=1)
    own = rng.normal(0, profile.launch_sd, slots) + profile.trend_per_step * np.arange(steps)
    times: Floats = machine.reshape(comparisons, launches, steps) + drift + own
    return times


def duet_sessions(
    profile: Profile, sessions: int, rng: np.random.Generator, pairs: int = 10, steps: int = 10
) -> Floats:
    """Return log times [sessions, 2, pairs, steps] of a and b taking turns, ABBA.

    Both have one noise of the machine, and each its own launch and its own trend. A session takes
    the time of two launches, so two steps of the machine's drift fall within it.
    """
    half = pairs * steps
    rise = np.minimum(np.arange(2 * half) / half, 1), np.maximum(np.arange(2 * half) / half - 1, 0)
    drift = rng.normal(0, profile.drift_sd, (sessions, 2)) @ np.array(rise)
    machine = machine_noises(profile, sessions, 2 * half, rng) + drift
    blocks = machine.reshape(sessions, pairs, 2, steps)
    blocks[:, 1::2] = blocks[:, 1::2, ::-1].copy()
    own = rng.normal(0, profile.launch_sd, (sessions, 2, 1, 1))
    trend = profile.trend_per_step * np.arange(half).reshape(pairs, steps)
    times: Floats = blocks.transpose(0, 2, 1, 3) + own + trend
    return times


def _many_bursting(
    profile: Profile, shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return whether a neighbour is busy, in bursts of geometric length, from equilibrium on."""
    busy = np.zeros(shape, dtype=np.bool_)
    if profile.burst_size == 0:
        return busy
    means = profile.burst_gap, profile.burst_length
    ends = -np.expm1(-1 / np.array(means))
    busy[:, 0] = rng.random(shape[0]) < means[1] / sum(means)
    for step in range(1, shape[1]):
        now = busy[:, step - 1]
        busy[:, step] = now ^ (rng.random(shape[0]) < np.where(now, ends[1], ends[0]))
    return busy
