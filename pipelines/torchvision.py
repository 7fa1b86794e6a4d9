"""Image files through torchvision: decode, random crop, resize, mirror, normalise.

What most training code does: torch's DataLoader, and in each of its processes torchvision's decoder
and transforms. The augmentation is that of `pipelines/dali.py`; but the whole picture is decoded
where DALI decodes the crop alone. Every picture has a seed of its own, so that the batches do not
depend on how many processes make them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import torch
from PIL import Image, ImageOps
from torch.utils.data import DataLoader, Dataset
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from pipelines.batches import IMAGENET_MEAN, IMAGENET_STD, PREFETCHED, Batch, Batches, BatchSpec
from pipelines.errors import DataError

Order = tuple[str, int, int]
"""A file, its class number, and the seed of its augmentation."""

SCALE: Final = torch.tensor([1 / (255 * std) for std in IMAGENET_STD]).view(1, 3, 1, 1)
SHIFT: Final = torch.tensor(
    [-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)]
).view(1, 3, 1, 1)
"""Bytes times SCALE plus SHIFT are normalised pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TorchvisionSource:
    """Proven files (relative to `root`) with their class numbers, and who decodes them."""

    root: str
    files: Sequence[str]
    labels: Sequence[int]
    processes: int
    begin: Callable[[], None]
    """What each process does first."""


class TorchvisionBatches:
    """Endless batches of this rank's shard; every batch is full, epochs follow without a seam.

    The processes are forked: make this while no thread of the process holds anything.
    """

    def __init__(self, spec: BatchSpec, source: TorchvisionSource) -> None:
        self._device = spec.device
        self._scale, self._shift = SCALE.to(spec.device), SHIFT.to(spec.device)
        on_gpu = spec.device.type == "cuda"
        loader = DataLoader(
            # To a GPU pixels travel as bytes, a quarter of their size; the rest is its work.
            Pictures(spec, source.root, as_bytes=on_gpu),
            batch_size=None,  # what is ordered is a whole batch
            sampler=orders(spec, source),  # has no end, so that the processes live as long
            collate_fn=_as_it_is,
            num_workers=source.processes,
            prefetch_factor=PREFETCHED,
            pin_memory=on_gpu,
            multiprocessing_context="fork",
            worker_init_fn=lambda _: source.begin(),
            # Its base seed would be drawn from the numbers that the model's weights come from.
            generator=torch.Generator(),
        )
        self._made = iter(loader)

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> Batch:
        made = next(self._made)
        if isinstance(made, str):
            raise DataError(made)
        images, labels = made
        if images.dtype is torch.uint8:
            images = images.to(self._device, non_blocking=True)
            images = normalised(images, self._scale, self._shift)
            labels = labels.to(self._device, non_blocking=True)
        return images, labels

    def close(self) -> None:
        """End the processes in order, so that they leave no temporary files behind."""
        del self._made


def orders(spec: BatchSpec, source: TorchvisionSource) -> Iterator[list[Order]]:
    """What the batches of one rank are made of, for ever."""
    mine = _shard(spec, source)
    while True:
        yield list(islice(mine, spec.batch_size))


def _shard(spec: BatchSpec, source: TorchvisionSource) -> Iterator[Order]:
    """Every n-th file of an endless row of shuffled epochs, the same row on all n ranks.

    No rank gets ahead of another, even where the files do not divide by the ranks.
    """
    generator = torch.Generator().manual_seed(spec.seed)
    count, first = len(source.files), spec.rank
    while True:
        files = torch.randperm(count, generator=generator)
        seeds = torch.randint(2**62, (count,), generator=generator)
        mine = slice(first, None, spec.world_size)
        for file, seed in zip(files[mine].tolist(), seeds[mine].tolist(), strict=True):
            yield source.files[file], source.labels[file], seed
        first = (first - count) % spec.world_size


class Pictures(Dataset[Batch | str]):
    """Makes the batches that are ordered."""

    def __init__(self, spec: BatchSpec, root: str, *, as_bytes: bool) -> None:
        self._root, self._as_bytes = Path(root), as_bytes
        self._channels_last = spec.channels_last
        self._augment = v2.Compose(
            [
                v2.RandomResizedCrop(
                    spec.image_size, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), antialias=True
                ),
                v2.RandomHorizontalFlip(0.5),
            ]
        )

    def __getitem__(self, wanted: list[Order]) -> Batch | str:
        """A batch; or what is wrong with a file: DataLoader buries errors in tracebacks."""
        try:
            pictures = [self._picture(file, seed) for file, _, seed in wanted]
        except DataError as error:
            return str(error)
        images = _stacked(pictures, channels_last=self._channels_last)
        labels = torch.tensor([label for _, label, _ in wanted])
        return images if self._as_bytes else normalised(images), labels

    def _picture(self, file: str, seed: int) -> torch.Tensor:
        pixels = decoded(self._root / file)
        # Transforms draw from this generator. torch.manual_seed would look for GPUs, too.
        torch.default_generator.manual_seed(seed)
        picture: torch.Tensor = self._augment(pixels)
        return picture


def decoded(path: Path) -> torch.Tensor:
    """The pixels of a file as bytes [3, height, width], turned as its Exif data says."""
    try:
        pixels = decode_image(str(path), ImageReadMode.RGB, apply_exif_orientation=True)
    except RuntimeError:  # BMP, or a rarity that PIL reads, by which the file was proven
        pixels = _decoded_by_pil(path)
    found: torch.Tensor = functional.to_dtype(pixels, torch.uint8, scale=True)  # 16 bits of PNG
    return found


def _decoded_by_pil(path: Path) -> torch.Tensor:
    try:
        with Image.open(path) as image:
            turned = ImageOps.exif_transpose(image).convert("RGB")
    except Exception as error:  # decoders raise nearly anything on damaged input
        why = f"{path} does not decode, but was sound when it was checked: {error}"
        raise DataError(why) from error
    pixels: torch.Tensor = functional.pil_to_tensor(turned)
    return pixels


def _stacked(pictures: list[torch.Tensor], *, channels_last: bool) -> torch.Tensor:
    """NHWC rows seen as NCHW are channels_last: a view, not another copy."""
    if channels_last:
        return torch.stack([one.permute(1, 2, 0) for one in pictures]).permute(0, 3, 1, 2)
    return torch.stack(pictures)


def normalised(
    images: torch.Tensor, scale: torch.Tensor = SCALE, shift: torch.Tensor = SHIFT
) -> torch.Tensor:
    """Bytes as normalised floats in the same layout; all on one device."""
    return images.to(torch.float32).mul_(scale).add_(shift)


def _as_it_is(made: Any) -> Any:
    """Nothing is left to collate."""
    return made
