"""Works out what loading costs a step, and the rate of another model or loader.

Sides of one configuration take turns: training on a batch that is already there (synthetic, s ms a
step), the loader alone (l ms a batch), and both together (real, r ms). The cost of loading is r -
s, exactly the sum of two parts: the increase of the data wait, and the increase of the rest of the
step, as both want the same cores, memory and GPU.

What loading would cost a model twice as fast, or with another number of threads, is measured too:
the former by steps that take two batches and train on one, which equal two steps of such a model
except for their order. A model of two processes that slow each other down by one factor, found from
s, l and r, was up to 19 % off: a loader in a burst slows training down, and is itself hardly
slowed.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.figures.estimates import estimate_of
from resnext_bench.reports.schema.attribution import (
    Attribution,
    Bound,
    Prediction,
    SideName,
    SideTimes,
)
from resnext_bench.reports.schema.interval import Estimate
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.reports.stats.effects import t_interval, to_percent

Floats = NDArray[np.float64]

CONFIDENCE: Final = 0.99
EVEN: Final = 1.05
"""Loader and training are called even where the interval of the ratio of their times lies within
this factor of 1."""
FEWEST_SESSIONS: Final = 3
"""Least number of sessions that are one replicate each; with fewer, each round is one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SideRounds:
    """The times of one side in the rounds of one session."""

    loader_threads: int
    block_steps: int
    step_ms: Floats
    """Mean step of each block [rounds], ms."""
    wait_ms: Floats
    """Mean data wait of each block [rounds], ms."""
    cores: float | None
    """Number of cores that a rank keeps busy; None where that was not counted."""


Sides = Mapping[SideName, SideRounds]


def side_rounds(result: SessionResult, block_steps: int, loader_threads: int) -> SideRounds:
    """Return a side's times in each round; the first round does not count.

    A block takes as long as its slowest rank: without gradients to exchange, no rank waits for it.
    """
    steps = _blocks(result, "step_ns", block_steps)
    waits = _blocks(result, "data_wait_ns", block_steps)
    busy = [facts.cpu_busy_s / facts.counted_s for facts in result.facts]
    return SideRounds(
        loader_threads=loader_threads,
        block_steps=block_steps,
        step_ms=steps.max(axis=0),
        wait_ms=waits.mean(axis=0),
        cores=float(np.mean(busy)),
    )


def _blocks(result: SessionResult, column: str, block_steps: int) -> Floats:
    """Return the mean of a column in each block, ms [ranks, rounds]."""
    rows = np.array([getattr(samples, column) for samples in result.samples], dtype=np.float64)
    means: Floats = rows.reshape(len(rows), -1, block_steps)[:, 1:].mean(axis=2) / 1e6
    return means


def attribute(sessions: Sequence[Sides], *, images: int, rank_cores: int) -> Attribution:
    """Return cost, parts and predictions; `images` are those of a step on all ranks."""
    over = _Over(sessions=sessions)
    synthetic, loader, real = (over.column(name) for name in ("synthetic", "loader", "real"))
    waits = over.column("real", "wait_ms") - over.column("synthetic", "wait_ms")
    cost = real - synthetic
    return Attribution(
        confidence_percent=100 * CONFIDENCE,
        replicate="session" if over.by_session else "round",
        replicates=len(real),
        block_steps=tuple(side.block_steps for side in sessions[-1].values()),
        sides=tuple(over.times(name) for name in sessions[0]),
        rank_cores=rank_cores,
        cost_ms=_estimate(cost),
        wait_ms=_estimate(waits),
        contention_ms=_estimate(cost - waits),
        bound=_bound(synthetic, loader),
        predictions=tuple(_predictions(over, images)),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Over:
    """What the sessions measured, as one value for each replicate."""

    sessions: Sequence[Sides]

    @property
    def by_session(self) -> bool:
        return len(self.sessions) >= FEWEST_SESSIONS

    def column(self, name: SideName, what: str = "step_ms") -> Floats:
        """Return a column of one side [replicates], ms."""
        rounds = [getattr(sides[name], what) for sides in self.sessions]
        if self.by_session:
            return np.array([each.mean() for each in rounds])
        return np.concatenate(rounds)

    def cores(self, name: SideName) -> float:
        """Return the number of cores in use, mean over sessions."""
        return float(np.mean([sides[name].cores or 0.0 for sides in self.sessions]))

    def times(self, name: SideName) -> SideTimes:
        """Return a side as the record holds it."""
        found = [sides[name] for sides in self.sessions]
        return SideTimes(
            name=name,
            loader_threads=found[0].loader_threads,
            step_ms=tuple(_rounded(side.step_ms) for side in found),
            wait_ms=tuple(_rounded(side.wait_ms) for side in found),
            cores=None if found[0].cores is None else round(self.cores(name), 3),
            mean_ms=_estimate(self.column(name)),
        )


def _predictions(over: _Over, images: int) -> Iterator[Prediction]:
    """Yield the rates that the real side's other turns measured."""
    sides, alone, double = over.sessions[0], over.column("synthetic"), over.column("double")
    yield Prediction(
        what="model_twice_as_fast",
        loader_threads=sides["double"].loader_threads,
        images_per_s=_rate(images, double / 2),
        loader_bound={"loader": True, "training": False}.get(
            _bound(alone / 2, over.column("loader"))
        ),
        loading_percent=_percent(np.log(alone / double)),
    )
    if "other_threads" in sides:
        real, other = over.column("real"), over.column("other_threads")
        yield Prediction(
            what="loader_threads",
            loader_threads=sides["other_threads"].loader_threads,
            images_per_s=_rate(images, other),
            gain_percent=_percent(np.log(real / other)),
        )


def _rate(images: int, step_ms: Floats) -> Estimate:
    return estimate_of(t_interval(np.log(1e3 * images / step_ms), CONFIDENCE), math.exp)


def _percent(effects: Floats) -> Estimate:
    """Return the mean of logarithmic effects, and its interval, in per cent."""
    return estimate_of(t_interval(effects, CONFIDENCE), to_percent)


def _bound(synthetic: Floats, loader: Floats) -> Bound:
    ratio = t_interval(np.log(loader / synthetic), CONFIDENCE)
    if ratio.excludes_zero:
        return "loader" if ratio.estimate > 0 else "training"
    is_narrow = max(-ratio.low, ratio.high) < math.log(EVEN)
    return "even" if is_narrow else "unsure"


def _estimate(values: Floats) -> Estimate:
    """Return the mean and Student's t interval of values, one for each replicate.

    The ends are equal where all values are.
    """
    count, mean = len(values), float(values.mean())
    spread = t_interval(values, CONFIDENCE)
    half = (spread.high - spread.low) / 2 if count > 1 else 0.0
    return Estimate(value=mean, low=mean - half, high=mean + half)


def _rounded(values: Floats) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)
