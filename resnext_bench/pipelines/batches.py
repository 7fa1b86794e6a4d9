"""What every pipeline provides: an endless iterator of batches of the same shapes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from resnext_bench.pipelines.epochs import LastBatch, Share

Batch = tuple[torch.Tensor, torch.Tensor]
"""Images [batch, 3, size, size] and labels [batch] int64. Images are bytes in NHWC memory, or
normalised floats, NCHW or channels_last by their strides."""
Batches = Iterator[Batch]

Pixels = Literal["uint8", "fp32", "fp16"]

FLOATS = {"fp32": torch.float32, "fp16": torch.float16}

PREFETCHED = 2
"""Number of batches that a loader keeps ready in each of its stages, which is also DALI's
default."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Constants per channel of pixels scaled to 0..1, as in every published ResNeXt's training."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchSpec:
    """Shape and place of the batches that one rank needs."""

    batch_size: int
    image_size: int
    classes: int
    channels_last: bool
    device: torch.device
    seed: int
    rank: int
    world_size: int
    pixels: Pixels = "fp32"
    """The type of pixels; bytes are left to the model to normalise."""
    prefetch: int = PREFETCHED
    last_batch: LastBatch = "wrap"
    area: tuple[float, float] = (0.08, 1.0)
    """Smallest and largest share of an image's area in a crop, as in every published ResNeXt's
    training."""
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    """Smallest and largest aspect ratio (width over height) of a crop."""

    @property
    def memory_format(self) -> torch.memory_format:
        """The memory format of the images."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def share(self, count: int, shards: tuple[int, ...] = ()) -> Share:
        """Return what this rank takes of `count` samples, which may be in shards."""
        return Share(
            count=count,
            shards=shards,
            batch_size=self.batch_size,
            seed=self.seed,
            rank=self.rank,
            world_size=self.world_size,
            last=self.last_batch,
        )
