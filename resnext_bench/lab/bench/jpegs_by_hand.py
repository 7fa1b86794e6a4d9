"""JPEG batches as in scripts for ImageNet; imports nothing from this package.

All functions yield normalised floats [batch, 3, size, size] in channels_last, and labels; images
are cropped, resized with antialiasing and mirrored as in this package.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.plugin.pytorch import DALIGenericIterator
from torch.utils.data import DataLoader, Dataset
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import v2

Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pipeline_def  # type: ignore[untyped-decorator]  # DALI has no types
def whole(root: str, files: Sequence[str], labels: Sequence[int], size: int) -> Any:
    """Use DALI's own operators for everything."""
    jpegs, label = fn.readers.file(
        file_root=root, files=files, labels=labels, random_shuffle=True, name="reader"
    )
    images = fn.decoders.image_random_crop(jpegs, random_area=[0.08, 1.0])
    images = fn.resize(images, size=size, interp_type=types.INTERP_LINEAR, antialias=True)
    images = fn.crop_mirror_normalize(
        images,
        dtype=types.FLOAT,
        output_layout="HWC",
        mean=[255 * value for value in MEAN],
        std=[255 * value for value in STD],
        mirror=fn.random.coin_flip(probability=0.5),
    )
    return images, label


def dali_batches(
    root: str,
    files: Sequence[str],
    labels: Sequence[int],
    *,
    size: int,
    batch: int,
    workers: int,
) -> Batches:
    """Yield batches as users of DALI make them."""
    graph = whole(root, files, labels, size, batch_size=batch, num_threads=workers, device_id=None)
    for loaded in DALIGenericIterator([graph], ["images", "labels"], size=-1):
        yield loaded[0]["images"].permute(0, 3, 1, 2), loaded[0]["labels"].view(-1).long()


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """Torchvision's decoder and transforms, one picture at a time."""

    def __init__(self, root: str, files: Sequence[str], labels: Sequence[int], size: int) -> None:
        self.root, self.files, self.labels = root, files, labels
        self.transform = v2.Compose(
            [
                v2.RandomResizedCrop(size, antialias=True),
                v2.RandomHorizontalFlip(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture = decode_image(f"{self.root}/{self.files[index]}", ImageReadMode.RGB)
        return self.transform(picture), self.labels[index]


def torchvision_batches(
    root: str,
    files: Sequence[str],
    labels: Sequence[int],
    *,
    size: int,
    batch: int,
    workers: int,
) -> Batches:
    """Yield batches as users of torchvision make them."""
    loader = DataLoader(
        Pictures(root, files, labels, size),
        batch_size=batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=True,
    )
    while True:
        for images, label in loader:
            yield images.contiguous(memory_format=torch.channels_last), label


@pipeline_def  # type: ignore[untyped-decorator]  # DALI has no types
def decoded(
    root: str, files: Sequence[str], labels: Sequence[int], size: int, rank: int, world: int
) -> Any:
    """Read, decode, crop, resize and mirror with DALI, which leaves bytes."""
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


def decoded_batches(
    root: str,
    files: Sequence[str],
    labels: Sequence[int],
    *,
    size: int,
    batch: int,
    rank: int,
    world: int,
    threads: int,
) -> Batches:
    """Yield batches of one of several ranks, decoded by DALI and normalised by PyTorch."""
    pipe = decoded(root, files, labels, size, rank, world, batch_size=batch, num_threads=threads)
    mean = torch.tensor([124.0, 116.0, 104.0]).repeat(size)
    std = torch.tensor([58.0, 57.0, 57.0]).repeat(size)
    for loaded in DALIGenericIterator([pipe], ["images", "labels"], size=-1):
        rows = loaded[0]["images"].view(batch, size, size * 3).float()
        pixels = rows.sub_(mean).div_(std).view(batch, size, size, 3)
        yield pixels.permute(0, 3, 1, 2), loaded[0]["labels"].view(-1).long()
