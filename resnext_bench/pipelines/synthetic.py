"""Batches without reading and decoding: one batch of noise, over and over."""

from itertools import repeat

import torch

from resnext_bench.pipelines.batches import FLOATS, Batch, Batches, BatchSpec


def synthetic_batches(spec: BatchSpec) -> Batches:
    """Yield a batch that is on the device already: the upper bound of any loader.

    Pixels are normally distributed with variance 1, like those of normalised photos. The same seed
    gives each rank its own batch, and every session the same ones. Bytes are uniform over all
    values, in NHWC memory like those of loaders.
    """
    images, labels = _batch(spec)
    return repeat((images.to(spec.device), labels.to(spec.device)))


def host_batches(spec: BatchSpec) -> Batches:
    """Yield a batch in pinned host memory, which each step copies like a loader's."""
    images, labels = _batch(spec)
    return repeat((images.pin_memory(), labels.pin_memory()))


def _batch(spec: BatchSpec) -> Batch:
    generator = torch.Generator().manual_seed(spec.seed * 1_000_003 + spec.rank)
    images = _images(spec, generator)
    return images, torch.randint(spec.classes, (spec.batch_size,), generator=generator)


def _images(spec: BatchSpec, generator: torch.Generator) -> torch.Tensor:
    shape = (spec.batch_size, 3, spec.image_size, spec.image_size)
    if spec.pixels == "uint8":
        noise = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
        return noise.to(memory_format=torch.channels_last)
    images = torch.randn(shape, generator=generator).to(FLOATS[spec.pixels])
    return images.to(memory_format=spec.memory_format)
