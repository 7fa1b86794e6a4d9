"""How fast loaders load where nobody trains, and from how many threads on more do not pay."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.attribution import Estimate
from resnext_bench.reports.schema.choices import Decode, PipelineName
from resnext_bench.reports.stats.effects import t_interval

Floats = NDArray[np.float64]

CONFIDENCE: Final = 0.99
KNEE: Final = 0.95
"""Share of the best rate that the knee reaches."""


class Setting(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One way to load."""

    pipeline: PipelineName
    decode: Decode
    loader_threads: int
    """Of a rank."""
    prefetch: int

    @property
    def kind(self) -> tuple[str, str]:
        """What its threads and queues belong to."""
        return self.pipeline, self.decode


class LoaderRate(msgspec.Struct, frozen=True, kw_only=True):
    """Images/s of all ranks together; settings of one table took turns."""

    setting: Setting
    rounds: tuple[float, ...]
    """Images/s of each round."""
    images_per_s: Estimate
    cores: float
    """Cores that a rank's loader keeps busy."""


class Knee(msgspec.Struct, frozen=True, kw_only=True):
    """The fewest threads that reach 95 % of the best rate of their pipeline."""

    setting: Setting
    of_best: float
    """Its rate over the best one."""
    most_threads: int
    """The most that were tried."""

    @property
    def is_inside(self) -> bool:
        """Whether more threads were tried and did not pay; else the knee lies beyond."""
        return self.setting.loader_threads < self.most_threads


class LoaderBench(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep of threads, then of prefetch at the knees."""

    folder: str
    images: int
    mean_bytes: int
    """Of an image file."""
    batch_size: int
    """Of a rank."""
    image_size: int
    ranks: int
    rank_cores: int
    device: str
    pixels: str
    confidence_percent: float
    hardware: str
    versions: dict[str, str]
    date: str
    threads: tuple[LoaderRate, ...]
    knees: tuple[Knee, ...]
    prefetch: tuple[LoaderRate, ...]
    """At each knee; empty where one depth alone was asked for."""
    notes: tuple[str, ...]
    invalid: tuple[str, ...]
    """Why some of it cannot be believed."""


def rate_of(setting: Setting, step_ms: Floats, images: int, cores: float) -> LoaderRate:
    """A setting's rate from ms of a batch [rounds], of `images` on all ranks."""
    rates = 1e3 * images / step_ms
    found = t_interval(np.log(rates), CONFIDENCE)
    return LoaderRate(
        setting=setting,
        rounds=tuple(round(float(rate), 2) for rate in rates),
        images_per_s=Estimate(
            value=float(np.exp(found.estimate)),
            low=float(np.exp(found.low)),
            high=float(np.exp(found.high)),
        ),
        cores=round(cores, 3),
    )


def knees_of(rates: Sequence[LoaderRate]) -> tuple[Knee, ...]:
    """The knee of each pipeline and place of decoding, by the means over rounds."""
    kinds = dict.fromkeys(rate.setting.kind for rate in rates)
    return tuple(_knee([rate for rate in rates if rate.setting.kind == kind]) for kind in kinds)


def _knee(rates: Sequence[LoaderRate]) -> Knee:
    best = max(rate.images_per_s.value for rate in rates)
    enough = [rate for rate in rates if rate.images_per_s.value >= KNEE * best]
    first = min(enough, key=lambda rate: rate.setting.loader_threads)
    return Knee(
        setting=first.setting,
        of_best=round(first.images_per_s.value / best, 4),
        most_threads=max(rate.setting.loader_threads for rate in rates),
    )
