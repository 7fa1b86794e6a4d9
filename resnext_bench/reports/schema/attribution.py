"""What loading costs a run: its sides in turn, the cost split in two, and what would change it."""

from typing import Literal

import msgspec

from resnext_bench.reports.schema.interval import Estimate

SideName = Literal["synthetic", "loader", "copy", "real", "other_threads", "double"]
"""Of the last two "double" is "real" with two batches a step, one of which is trained on, and
"other_threads" is "real" with another number of loader threads."""
Bound = Literal["loader", "training", "even", "unsure"]


class SideTimes(msgspec.Struct, frozen=True, kw_only=True):
    """One side, block by block."""

    name: SideName
    loader_threads: int
    """Of a rank; 0 where nothing is loaded."""
    step_ms: tuple[tuple[float, ...], ...]
    """Mean step of each block [sessions][rounds], of the rank that took longest."""
    wait_ms: tuple[tuple[float, ...], ...]
    """Its data wait, mean over ranks."""
    cores: float | None
    """Cores that a rank's processes keep busy; None where that was not counted."""
    mean_ms: Estimate


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What training would come to if one thing were different, measured."""

    what: Literal["model_twice_as_fast", "loader_threads"]
    loader_threads: int
    images_per_s: Estimate
    loader_bound: bool | None = None
    """Beside a model twice as fast: whether the loader alone takes longer than that; None where the
    interval of their ratio holds 1."""
    loading_percent: Estimate | None = None
    """Beside a model twice as fast: images/s more than without loading; less is negative."""
    gain_percent: Estimate | None = None
    """With other threads: images/s more than the run's."""


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """Cost of loading = real - synthetic = exposed wait + contention, ms of a step."""

    confidence_percent: float
    replicate: Literal["round", "session"]
    """What the intervals are over."""
    replicates: int
    block_steps: tuple[int, ...]
    """Counted steps of a block of each side."""
    sides: tuple[SideTimes, ...]
    rank_cores: int
    """Cores that a rank may use."""
    cost_ms: Estimate
    wait_ms: Estimate
    """Data wait, less that of synthetic batches."""
    contention_ms: Estimate
    """By how much forward, backward and update are longer beside a loader."""
    bound: Bound
    """Which takes longer alone; where the interval of their ratio holds 1, even if it lies within
    5 % of it, else unsure."""
    predictions: tuple[Prediction, ...]

    def side(self, name: SideName) -> SideTimes | None:
        """A side by its name."""
        return next((side for side in self.sides if side.name == name), None)
