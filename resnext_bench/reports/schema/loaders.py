"""The result of `data bench`: rates of loaders without training."""

import msgspec

from resnext_bench.reports.schema.choices import Decode, PipelineName
from resnext_bench.reports.schema.interval import Estimate


class Setting(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One setting of a loader."""

    pipeline: PipelineName
    decode: Decode
    loader_threads: int
    """Loader threads of a rank."""
    prefetch: int

    @property
    def kind(self) -> tuple[str, str]:
        """Pipeline and place of decoding, for which the best threads and prefetch are sought."""
        return self.pipeline, self.decode


class LoaderRate(msgspec.Struct, frozen=True, kw_only=True):
    """The rate of a loader, for all ranks together; the settings of one table took turns."""

    setting: Setting
    rounds: tuple[float, ...]
    """Images/s of each round."""
    images_per_s: Estimate
    cores: float
    """Number of cores that a rank's loader keeps busy."""


class Knee(msgspec.Struct, frozen=True, kw_only=True):
    """The fewest threads that reach 95 % of the best rate of their pipeline."""

    setting: Setting
    of_best: float
    """Its rate as a fraction of the best one."""
    most_threads: int
    """Most threads that were tried."""

    @property
    def is_inside(self) -> bool:
        """Whether more threads were tried without gain; otherwise the knee may lie beyond them."""
        return self.setting.loader_threads < self.most_threads


class LoaderBench(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep over numbers of threads, then over prefetch at each knee."""

    folder: str
    images: int
    mean_bytes: int
    """Mean size of an image file, bytes."""
    batch_size: int
    """Batch size of a rank."""
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
    """Rates at each knee by prefetch; empty where a single depth was requested."""
    notes: tuple[str, ...]
    invalid: tuple[str, ...]
    """Reasons why some of the figures are not reliable."""
