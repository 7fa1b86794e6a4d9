"""Is it the loader? What loading costs a step, and what another model or loader would come to.

Sides of one configuration take turns: training on a batch that is there (synthetic, s ms a step),
the loader alone (l ms a batch), both together (real, r ms), both with two batches a step (double),
and the loader with another number of threads. The cost of loading is r - s, exactly the sum of two
parts: what the data wait grew by, and what the rest of a step grew by, as both want the same cores,
memory and GPU.

What loading would come to beside a model twice as fast is measured: a step that takes two batches
and trains on one is two steps of such a model, but for their order. (Calculated by the model below
it was up to 19 % off: a loader in a burst slows training down, and is itself hardly slowed.)

What another number of threads would bring is calculated by a fluid model. Training and loader run
beside each other, a batch ahead; while both are at work, each is slowed down by a factor f; while
one waits, the other runs freely. Then

    r = max(s, l) + (f - 1) min(s, l)

whichever of them waits: f = 1 is perfect overlap, f = 2 is one after the other. Measured s, l and r
give f. Part of it is plain count: where both together want more cores than there are, f is at least
(cores of s + cores of l) / cores. That part is calculated anew for another number of threads; the
rest of f is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reports.schema.attribution import (
    Attribution,
    Bound,
    Estimate,
    Prediction,
    SideName,
    SideTimes,
)
from reports.schema.samples import SessionResult
from reports.stats.effects import t_interval

Floats = NDArray[np.float64]

CONFIDENCE: Final = 0.99
FEWEST_SESSIONS: Final = 3
"""From so many on a session is one replicate; of fewer, each round is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SideRounds:
    """One side of one session."""

    loader_threads: int
    block_steps: int
    step_ms: Floats
    """[rounds]"""
    wait_ms: Floats
    """[rounds]"""
    cores: float | None
    """Busy, of a rank; None where that was not counted."""


Sides = Mapping[SideName, SideRounds]


def side_rounds(result: SessionResult, block_steps: int, loader_threads: int) -> SideRounds:
    """What a side came to in each round; the first one does not count.

    A block is as long as its slowest rank: without gradients to exchange nobody waits for it.
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
    """Mean of a column in each block, ms [ranks, rounds]."""
    rows = np.array([getattr(samples, column) for samples in result.samples], dtype=np.float64)
    means: Floats = rows.reshape(len(rows), -1, block_steps)[:, 1:].mean(axis=2) / 1e6
    return means


def attribute(sessions: Sequence[Sides], *, images: int, rank_cores: int) -> Attribution:
    """Cost, parts and predictions from all sessions; `images` are those of a step on all ranks."""
    over = _Over(sessions=sessions)
    synthetic, loader, real = (over.column(name) for name in ("synthetic", "loader", "real"))
    waits = over.column("real", "wait_ms") - over.column("synthetic", "wait_ms")
    cost = real - synthetic
    fluid = _Fluid(
        factor=overlap_factor(synthetic, loader, real),
        training_cores=over.cores("synthetic"),
        loader_cores=over.cores("loader"),
        rank_cores=rank_cores,
    )
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
        overlap_factor=_estimate(fluid.factor),
        bound=_bound(synthetic, loader),
        predictions=tuple(_predictions(over, fluid, images)),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Over:
    """What sessions measured, as one value for each replicate."""

    sessions: Sequence[Sides]

    @property
    def by_session(self) -> bool:
        return len(self.sessions) >= FEWEST_SESSIONS

    def column(self, name: SideName, what: str = "step_ms") -> Floats:
        """Of a side [replicates], ms."""
        rounds = [getattr(sides[name], what) for sides in self.sessions]
        if self.by_session:
            return np.array([each.mean() for each in rounds])
        return np.concatenate(rounds)

    def cores(self, name: SideName) -> float:
        """Cores in use, mean over sessions."""
        return float(np.mean([sides[name].cores or 0.0 for sides in self.sessions]))

    def times(self, name: SideName) -> SideTimes:
        """A side as the record keeps it."""
        found = [sides[name] for sides in self.sessions]
        return SideTimes(
            name=name,
            loader_threads=found[0].loader_threads,
            step_ms=tuple(_rounded(side.step_ms) for side in found),
            wait_ms=tuple(_rounded(side.wait_ms) for side in found),
            cores=None if found[0].cores is None else round(self.cores(name), 3),
            mean_ms=_estimate(self.column(name)),
        )


def overlap_factor(synthetic: Floats, loader: Floats, real: Floats) -> Floats:
    """The factor f of each replicate, from ms of a step; below 1 by noise alone."""
    longer, shorter = np.maximum(synthetic, loader), np.minimum(synthetic, loader)
    factor: Floats = 1 + (real - longer) / shorter
    return factor


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fluid:
    """The fluid model, with its measured factor."""

    factor: Floats
    training_cores: float
    loader_cores: float
    rank_cores: int

    def step_ms(self, training: Floats, loader: Floats, loader_cores: float) -> Floats:
        """A step of both together, from each alone and the cores that the loader takes."""
        factor = self.factor * self._crowded(loader_cores) / self._crowded(self.loader_cores)
        hindered = np.maximum(factor, 1) - 1
        step: Floats = np.maximum(training, loader) + hindered * np.minimum(training, loader)
        return step

    def _crowded(self, loader_cores: float) -> float:
        """Cores that both want over those that are there, at least 1."""
        return max(1.0, (self.training_cores + loader_cores) / self.rank_cores)


def _predictions(over: _Over, fluid: _Fluid, images: int) -> list[Prediction]:
    synthetic, loader = over.column("synthetic"), over.column("loader")
    threads = over.sessions[0]["loader"].loader_threads
    half = synthetic / 2
    found = [
        _prediction("model_twice_as_fast", threads, half, loader, over.column("double") / 2, images)
    ]
    if "other_threads" in over.sessions[0]:
        other = over.column("other_threads")
        together = fluid.step_ms(synthetic, other, over.cores("other_threads"))
        threads = over.sessions[0]["other_threads"].loader_threads
        found.append(_prediction("loader_threads", threads, synthetic, other, together, images))
    return found


def _prediction(
    what: str, threads: int, training: Floats, loader: Floats, together: Floats, images: int
) -> Prediction:
    found = t_interval(np.log(1e3 * images / together), CONFIDENCE)
    return Prediction(
        what="loader_threads" if what == "loader_threads" else "model_twice_as_fast",
        loader_threads=threads,
        images_per_s=Estimate(
            value=float(np.exp(found.estimate)),
            low=float(np.exp(found.low)),
            high=float(np.exp(found.high)),
        ),
        loader_bound=bool(loader.mean() > training.mean()),
    )


def _bound(synthetic: Floats, loader: Floats) -> Bound:
    ratio = t_interval(np.log(loader / synthetic), CONFIDENCE)
    if not ratio.excludes_zero:
        return "even"
    return "loader" if ratio.estimate > 0 else "training"


def _estimate(values: Floats) -> Estimate:
    """Mean and Student's t interval of one value a replicate; equal ends where all are equal."""
    count, mean = len(values), float(values.mean())
    spread = t_interval(values, CONFIDENCE)
    half = (spread.high - spread.low) / 2 if count > 1 else 0.0
    return Estimate(value=mean, low=mean - half, high=mean + half)


def _rounded(values: Floats) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)
