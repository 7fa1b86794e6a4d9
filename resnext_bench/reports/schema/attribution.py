"""The cost of loading in a run: its sides, its two parts, and what would change it."""

from typing import Literal

import msgspec

from resnext_bench.reports.schema.interval import Estimate

SideName = Literal["synthetic", "loader", "copy", "real", "other_threads", "double"]
"""Names of the sides. "double" is "real" with two batches in each step, one of which is trained on;
"other_threads" is "real" with another number of loader threads."""
Bound = Literal["loader", "training", "even", "unsure"]


class SideTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The times of one side, block by block."""

    name: SideName
    loader_threads: int
    """Loader threads of a rank; 0 where nothing is loaded."""
    step_ms: tuple[tuple[float, ...], ...]
    """Mean step of each block [sessions][rounds], ms, on the rank that took longest."""
    wait_ms: tuple[tuple[float, ...], ...]
    """Data wait of each block [sessions][rounds], ms: mean over ranks."""
    cores: float | None
    """Number of cores that a rank's processes keep busy; None where that was not counted."""
    mean_ms: Estimate


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """The measured rate of training with one thing changed."""

    what: Literal["model_twice_as_fast", "loader_threads"]
    loader_threads: int
    images_per_s: Estimate
    loader_bound: bool | None = None
    """For a model twice as fast: whether the loader alone takes longer than such a model; None
    where the interval of the ratio of their times holds 1."""
    loading_percent: Estimate | None = None
    """For a model twice as fast: by how many per cent images/s are higher than without loading;
    negative where they are lower."""
    gain_percent: Estimate | None = None
    """For another number of threads: by how many per cent images/s are higher than the run's."""


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of loading: real - synthetic = exposed wait + contention, in ms of a step."""

    confidence_percent: float
    replicate: Literal["round", "session"]
    """The unit of replication behind the intervals."""
    replicates: int
    block_steps: tuple[int, ...]
    """Number of counted steps in a block, for each side."""
    sides: tuple[SideTimes, ...]
    rank_cores: int
    """Number of cores that a rank may use."""
    cost_ms: Estimate
    wait_ms: Estimate
    """Data wait of real batches less that of synthetic ones, ms."""
    contention_ms: Estimate
    """By how many ms forward, backward and update take longer beside a loader."""
    bound: Bound
    """Which of loading and training alone takes longer. Where the interval of the ratio of their
    times holds 1, "even" if the whole interval lies within 5 % of 1, else "unsure"."""
    predictions: tuple[Prediction, ...]

    def side(self, name: SideName) -> SideTimes | None:
        """Return the side with a name; None where there is none."""
        return next((side for side in self.sides if side.name == name), None)
