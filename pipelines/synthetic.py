"""Batches that cost nothing: one batch of normal noise, already on the device, over and over."""

from itertools import repeat

import torch

from pipelines.batches import Batches, BatchSpec


def synthetic_batches(spec: BatchSpec) -> Batches:
    """The upper bound of any loader. Pixels are normal with variance 1, as normalised photos are.

    The same seed gives each rank its own batch, and every session the same ones.
    """
    generator = torch.Generator().manual_seed(spec.seed * 1_000_003 + spec.rank)
    shape = (spec.batch_size, 3, spec.image_size, spec.image_size)
    images = torch.randn(shape, generator=generator)
    labels = torch.randint(spec.classes, (spec.batch_size,), generator=generator)
    images = images.to(device=spec.device, memory_format=spec.memory_format)
    return repeat((images, labels.to(spec.device)))
