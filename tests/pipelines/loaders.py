"""Both loaders behind one function, for what must be the same of both."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from resnext_bench.pipelines.batches import BatchSpec, Pixels
from resnext_bench.pipelines.dali.feed import DaliSource
from resnext_bench.pipelines.dali.pipeline import DaliBatches
from resnext_bench.pipelines.epochs import LastBatch
from resnext_bench.pipelines.shards.ranges import Ranges
from resnext_bench.pipelines.torchvision import TorchvisionBatches, TorchvisionSource

CPU = torch.device("cpu")
Loader = Literal["dali", "torchvision"]
LOADERS: tuple[Loader, ...] = ("dali", "torchvision")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to open."""

    root: Path
    files: list[str]
    labels: list[int] | None = None
    batch_size: int = 4
    size: int = 40
    rank: int = 0
    world_size: int = 1
    pixels: Pixels = "uint8"
    channels_last: bool = True
    skip_bad: bool = False
    last_batch: LastBatch = "wrap"
    seed: int = 1
    prefetch: int = 2
    whole: bool = False
    """Crop nothing, of square pictures."""
    ranges: Ranges | None = None
    device: torch.device = CPU
    decode: Literal["cpu", "mixed"] = "cpu"

    def spec(self) -> BatchSpec:
        crop = {"area": (1.0, 1.0), "aspect": (1.0, 1.0)} if self.whole else {}
        return BatchSpec(
            **crop,
            batch_size=self.batch_size,
            image_size=self.size,
            classes=5,
            channels_last=self.channels_last,
            device=self.device,
            seed=self.seed,
            rank=self.rank,
            world_size=self.world_size,
            pixels=self.pixels,
            last_batch=self.last_batch,
            prefetch=self.prefetch,
        )


@contextmanager
def opened(loader: Loader, wanted: Wanted) -> Iterator[DaliBatches | TorchvisionBatches]:
    labels = wanted.labels or list(range(len(wanted.files)))
    source = {
        "root": str(wanted.root),
        "files": wanted.files,
        "labels": labels,
        "skip_bad": wanted.skip_bad,
        "ranges": wanted.ranges,
    }
    batches: DaliBatches | TorchvisionBatches
    if loader == "dali":
        batches = DaliBatches(
            wanted.spec(),
            DaliSource(**source, decode=wanted.decode, threads=1),
        )
    else:
        batches = TorchvisionBatches(
            wanted.spec(),
            TorchvisionSource(**source, processes=1, begin=_begin),
        )
    try:
        yield batches
    finally:
        batches.close()
        del batches
        gc.collect()  # a fork beside DALI's threads may wait for ever


def _begin() -> None:
    gc.freeze()
