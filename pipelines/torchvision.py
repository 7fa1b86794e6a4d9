"""Image files through torchvision: decode, random crop, resize, mirror, normalise.

What most training code does: torch's DataLoader, and in each of its processes torchvision's decoder
and transforms. The augmentation is that of `pipelines/dali.py`; but the whole picture is decoded
where DALI decodes the crop alone. Every picture has a seed of its own, so that the batches do not
depend on how many processes make them.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image, ImageOps
from torch.utils.data import DataLoader, Dataset
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from pipelines.batches import FLOATS, Batch, Batches, BatchSpec
from pipelines.epochs import Orders, Sample
from pipelines.errors import DataError
from pipelines.pixels import Normalise

Made = tuple[torch.Tensor, torch.Tensor, list[tuple[int, str]]]
"""Bytes [batch, 3, size, size] in NHWC memory, labels [batch], and samples that do not decode."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TorchvisionSource:
    """Proven files (relative to `root`) with their class numbers, and who decodes them."""

    root: str
    files: Sequence[str]
    labels: Sequence[int]
    processes: int
    begin: Callable[[], None]
    """What each process does first."""
    skip_bad: bool = False
    """Whether a file that turns bad is left out from then on; else it is an error."""


class TorchvisionBatches:
    """Endless batches of this rank's shard; every batch is full, epochs follow without a seam.

    The processes are forked: make this while no thread of the process holds anything.
    """

    def __init__(self, spec: BatchSpec, source: TorchvisionSource) -> None:
        self._device, self._source = spec.device, source
        self._orders = Orders(spec.share(len(source.files)))
        self.left_out: list[str] = []
        """Files that turned bad."""
        on_gpu = spec.device.type == "cuda"
        self._normalise = None if spec.pixels == "uint8" else _normaliser(spec)
        loader = DataLoader(
            Pictures(spec, source),
            batch_size=None,  # what is ordered is a whole batch
            sampler=self._orders,  # no end: the processes live as long
            collate_fn=_as_it_is,
            num_workers=source.processes,
            prefetch_factor=spec.prefetch,
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
        images, labels, bad = next(self._made)
        if bad:
            self._leave_out(bad)
        # Bytes travel, a quarter of the size of floats, whoever normalises them.
        images = images.to(self._device, non_blocking=True)
        labels = labels.to(self._device, non_blocking=True)
        return self._normalise(images) if self._normalise else images, labels

    def close(self) -> None:
        """End the processes in order, so that they leave no temporary files behind."""
        del self._made

    def _leave_out(self, bad: list[tuple[int, str]]) -> None:
        if not self._source.skip_bad:
            raise DataError(bad[0][1])
        new = {index for index, _ in bad} - self._orders.bad
        self._orders.bad |= new
        self.left_out += [self._source.files[index] for index in sorted(new)]


def _normaliser(spec: BatchSpec) -> Normalise:
    return Normalise(
        width=spec.image_size,
        device=spec.device,
        dtype=FLOATS[spec.pixels],
        layout=spec.memory_format,
    )


class Pictures(Dataset[Made]):
    """Makes the batches that are ordered."""

    def __init__(self, spec: BatchSpec, source: TorchvisionSource) -> None:
        self._source = source
        self._shape = (spec.batch_size, spec.image_size, spec.image_size, 3)
        self._augment = v2.Compose(
            [
                v2.RandomResizedCrop(
                    spec.image_size, scale=spec.area, ratio=spec.aspect, antialias=True
                ),
                v2.RandomHorizontalFlip(0.5),
            ]
        )

    def __getitem__(self, order: list[Sample]) -> Made:
        """A batch. What is wrong with a file is told, as DataLoader buries errors in tracebacks.

        In the place of a bad picture stands a good one of the batch, cropped once more.
        """
        rows = torch.empty(self._shape, dtype=torch.uint8)
        bad: dict[int, str] = {}
        good: list[int] = []
        for place, sample in enumerate(order):
            try:
                rows[place] = self._picture(sample).permute(1, 2, 0)
                good.append(place)
            except DataError as error:
                bad[place] = str(error)
        told = [(order[place].item, why) for place, why in bad.items()]
        kept = list(order)
        for place in bad if good else ():
            kept[place] = Sample(order[good[0]].item, order[place].seed)
            rows[place] = self._picture(kept[place]).permute(1, 2, 0)
        labels = torch.tensor([self._source.labels[sample.item] for sample in kept])
        return rows.permute(0, 3, 1, 2), labels, told

    def _picture(self, sample: Sample) -> torch.Tensor:
        file = self._source.files[sample.item]
        pixels = decoded(os.path.join(self._source.root, file))  # noqa: PTH118  (pathlib: 10 us)
        # Transforms draw from this generator. torch.manual_seed would look for GPUs, too.
        torch.default_generator.manual_seed(sample.seed)
        picture: torch.Tensor = self._augment(pixels)
        return picture


def decoded(path: str) -> torch.Tensor:
    """The pixels of a file as bytes [3, height, width], turned as its Exif data says."""
    try:
        pixels = decode_image(path, ImageReadMode.RGB, apply_exif_orientation=True)
    except RuntimeError:  # BMP, or a rarity that PIL reads, by which the file was proven
        pixels = _decoded_by_pil(path)
    found: torch.Tensor = functional.to_dtype(pixels, torch.uint8, scale=True)  # 16 bits of PNG
    return found


def _decoded_by_pil(path: str) -> torch.Tensor:
    try:
        with Image.open(path) as image:
            turned = ImageOps.exif_transpose(image).convert("RGB")
    except Exception as error:  # decoders raise nearly anything on damaged input
        why = f"{path} does not decode, but was sound when it was checked: {error}"
        raise DataError(why) from error
    pixels: torch.Tensor = functional.pil_to_tensor(turned)
    return pixels


def _as_it_is(made: Any) -> Any:
    """Nothing is left to collate."""
    return made
