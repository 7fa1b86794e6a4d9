"""Batches that cost nothing: one batch of noise, already on the device, over and over."""

from itertools import repeat

import torch

from pipelines.batches import FLOATS, Batches, BatchSpec


def synthetic_batches(spec: BatchSpec) -> Batches:
    """The upper bound of any loader. Pixels are normal with variance 1, as normalised photos are.

    The same seed gives each rank its own batch, and every session the same ones. Bytes are evenly
    spread over all values, in NHWC memory as loaders give them.
    """
    generator = torch.Generator().manual_seed(spec.seed * 1_000_003 + spec.rank)
    images = _images(spec, generator)
    labels = torch.randint(spec.classes, (spec.batch_size,), generator=generator)
    return repeat((images, labels.to(spec.device)))


def _images(spec: BatchSpec, generator: torch.Generator) -> torch.Tensor:
    shape = (spec.batch_size, 3, spec.image_size, spec.image_size)
    if spec.pixels == "uint8":
        noise = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
        return noise.to(device=spec.device, memory_format=torch.channels_last)
    images = torch.randn(shape, generator=generator).to(FLOATS[spec.pixels])
    return images.to(device=spec.device, memory_format=spec.memory_format)
