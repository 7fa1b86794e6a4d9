"""Turns gathered samples into the figures of a record."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.figures.validity import CoresLost, cores_lost
from resnext_bench.reports.schema.interval import Interval
from resnext_bench.reports.schema.machine import GpusSeen
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.reports.schema.sessions import Figures, Session, SlowSteps, Steadiness
from resnext_bench.reports.stats.effects import t_interval
from resnext_bench.reports.stats.rhythm import find_rhythm
from resnext_bench.reports.stats.steady import steady
from resnext_bench.reports.stats.summary import phase_split, slowest_rank, step_times, throughput

Table = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """One session's window after the cut, with columns as tables [ranks, steps] in ns."""

    columns: dict[str, Table]
    window_s: float
    """Length of the window on the longest rank, s."""
    peak_gib: float
    reserved_gib: float | None
    """None on a CPU."""
    device_gib: float | None
    """None where it is not known of any rank."""
    cores_lost: CoresLost
    energy_j: float | None = None
    """Energy of all GPUs, J; None unless it is known of all of them."""


def steadiness_of(result: SessionResult) -> Steadiness:
    """Judge the steps as a user sees them: each takes as long as its slowest rank."""
    found = steady(slowest_rank(_column(result, "step_ns")) / 1e6)
    return Steadiness(
        cut=found.cut,
        judged=found.judged,
        steady=found.is_steady,
        why=found.why,
        cause=found.cause,
    )


def window_of(result: SessionResult, cut: int, gpus: GpusSeen | None = None) -> Window:
    """Return the window without its first `cut` steps.

    The time of those steps is subtracted from each rank's window, so that the wait for the device
    at its end stays inside. GPUs are sampled twice a second, so that their first and last answers
    lie inside the window: its energy is their mean power over that time, times its length.
    """
    names = ("step_ns", "data_wait_ns", "forward_ns", "backward_ns", "optimizer_ns", "next_ns")
    dropped = _column(result, "step_ns")[:, :cut].sum(axis=1)
    whole = np.array([samples.window_ns for samples in result.samples])
    window_s = float((whole - dropped).max()) / 1e9
    power_w = gpus.mean_power_w if gpus else None
    return Window(
        columns={name: _column(result, name)[:, cut:] for name in names},
        window_s=window_s,
        peak_gib=max(facts.peak_gib for facts in result.facts),
        reserved_gib=max(facts.reserved_gib for facts in result.facts) or None,
        device_gib=_largest(facts.device_gib for facts in result.facts),
        cores_lost=cores_lost(result),
        energy_j=None if power_w is None else power_w * window_s,
    )


def figures_of(windows: Sequence[Window], *, batch_size: int, devices: int) -> Figures:
    """Return the figures of one window, or of several as if they followed one another."""
    joined = {
        name: np.hstack([window.columns[name] for window in windows]) for name in windows[0].columns
    }
    steps = joined["step_ns"]
    images = steps.size * batch_size
    window_s = sum(window.window_s for window in windows)
    rate = throughput(images, [window_s], devices=devices)
    times = step_times(steps)
    lost = max((window.cores_lost for window in windows), key=lambda lost: lost.percent)
    split = phase_split(
        steps,
        data_wait_ns=joined["data_wait_ns"],
        forward_ns=joined["forward_ns"],
        backward_ns=joined["backward_ns"],
        optimizer_ns=joined["optimizer_ns"],
    )
    return Figures(
        images=images,
        window_s=window_s,
        images_per_s=rate.images_per_s,
        images_per_s_per_device=rate.images_per_s_per_device,
        steps=steps.shape[1],
        step_ms_mean=times.mean_ms,
        step_ms_p50=times.p50_ms,
        step_ms_p95=times.p95_ms,
        step_ms_p99=times.p99_ms,
        step_ms_max=float(slowest_rank(steps).max()) / 1e6,
        step_ms_jitter=times.jitter_ms,
        slow=slow_steps_of(slowest_rank(steps) / 1e6),
        data_wait_ms=split.data_wait_ms,
        forward_ms=split.forward_ms,
        backward_ms=split.backward_ms,
        optimizer_ms=split.optimizer_ms,
        next_ms=float(joined["next_ns"].mean()) / 1e6,
        peak_gib=max(window.peak_gib for window in windows),
        reserved_gib=_largest(window.reserved_gib for window in windows),
        device_gib=_largest(window.device_gib for window in windows),
        cores_lost_percent=lost.percent,
        others_percent=lost.others,
        steal_percent=lost.steal,
        joules_per_image=_joules_per_image(windows, images),
    )


def _largest(sizes: Iterable[float | None]) -> float | None:
    return max((size for size in sizes if size is not None), default=None)


def _joules_per_image(windows: Sequence[Window], images: int) -> float | None:
    known = [window.energy_j for window in windows if window.energy_j is not None]
    return sum(known) / images if len(known) == len(windows) else None


def interval_of(sessions: Sequence[Session], confidence: float = 0.99) -> Interval | None:
    """Return the interval of images/s over sessions; None below two sessions.

    It is Student's t on the logarithms of the sessions' rates. A run's own figure is all images
    over all time, so it need not lie in the middle.
    """
    if len(sessions) < 2:
        return None
    rates = np.log([session.figures.images_per_s for session in sessions])
    found = t_interval(rates, confidence)
    return Interval(
        low=float(np.exp(found.low)),
        high=float(np.exp(found.high)),
        confidence_percent=100 * confidence,
        sessions=len(sessions),
    )


def _column(result: SessionResult, name: str) -> Table:
    rows = [getattr(samples, name) for samples in result.samples]
    table: Table = np.array(rows, dtype=np.int64)
    return table


def slow_steps_of(
    step_ms: NDArray[np.float64], places: NDArray[np.int64] | None = None
) -> SlowSteps | None:
    """Return the slow steps among [n] for the record; None where they cost next to nothing."""
    found = find_rhythm(step_ms, places)
    if found is None:
        return None
    return SlowSteps(
        every=found.every,
        slow=found.slow,
        steps=found.steps,
        slow_ms=round(found.slow_ms, 4),
        longest_ms=round(found.longest_ms, 4),
        cost_percent=round(found.cost_percent, 3),
    )
