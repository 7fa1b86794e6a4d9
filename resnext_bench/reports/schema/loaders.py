"""What `data bench` found: rates of loaders where nobody trains."""

import msgspec

from resnext_bench.reports.schema.choices import Decode, PipelineName
from resnext_bench.reports.schema.interval import Estimate


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
