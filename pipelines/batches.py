"""What every pipeline gives: an endless iterator of batches, the same shapes from all of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

Batch = tuple[torch.Tensor, torch.Tensor]
"""Images [batch, 3, size, size] float32, normalised, NCHW or channels_last by its strides, and
labels [batch] int64."""
Batches = Iterator[Batch]

PREFETCHED = 2
"""Batches that a loader keeps ready in each of its stages; DALI's own default depth."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Per channel, of pixels scaled to 0..1: the constants every published ResNeXt was trained with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchSpec:
    """Shape and place of the batches one rank wants."""

    batch_size: int
    image_size: int
    classes: int
    channels_last: bool
    device: torch.device
    seed: int
    rank: int
    world_size: int

    @property
    def memory_format(self) -> torch.memory_format:
        """Format of the images."""
        return torch.channels_last if self.channels_last else torch.contiguous_format
