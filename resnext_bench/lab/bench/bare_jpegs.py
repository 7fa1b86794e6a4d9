"""JPEG batches as a user of DALI would write them by hand; imports nothing from this package."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from nvidia.dali import fn, pipeline_def
from nvidia.dali.plugin.pytorch import DALIGenericIterator


@pipeline_def  # type: ignore[untyped-decorator]  # DALI has no types
def pipeline(
    root: str, files: Sequence[str], labels: Sequence[int], size: int, rank: int, world: int
) -> Any:
    """Read, decode, crop, resize, mirror."""
    jpegs, label = fn.readers.file(
        file_root=root,
        files=files,
        labels=labels,
        shard_id=rank,
        num_shards=world,
        random_shuffle=True,
    )
    images = fn.decoders.image_random_crop(jpegs, random_area=[0.08, 1.0])
    images = fn.resize(images, size=size, antialias=True)
    flip = fn.random.coin_flip(probability=0.5)
    return fn.flip(images, horizontal=flip), label


def batches(
    root: str,
    files: Sequence[str],
    labels: Sequence[int],
    *,
    size: int,
    batch: int,
    rank: int,
    world: int,
    threads: int,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield normalised floats [batch, 3, size, size], and labels."""
    pipe = pipeline(root, files, labels, size, rank, world, batch_size=batch, num_threads=threads)
    mean = torch.tensor([124.0, 116.0, 104.0]).repeat(size)
    std = torch.tensor([58.0, 57.0, 57.0]).repeat(size)
    for loaded in DALIGenericIterator([pipe], ["images", "labels"], size=-1):
        rows = loaded[0]["images"].view(batch, size, size * 3).float()
        pixels = rows.sub_(mean).div_(std).view(batch, size, size, 3)
        yield pixels.permute(0, 3, 1, 2), loaded[0]["labels"].view(-1).long()
