"""Image files through torchvision: decode, random crop, resize, mirror, normalise.

This is what most training code does: torch's DataLoader, and in each of its processes torchvision's
decoder and transforms. The augmentation is that of `resnext_bench/pipelines/dali/pipeline.py`, but
the whole image is decoded where DALI decodes only the crop. Every image has a seed of its own, so
that batches do not depend on how many processes make them.
"""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch.utils.data import DataLoader, Dataset
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from resnext_bench.pipelines.batches import FLOATS, Batch, Batches, BatchSpec
from resnext_bench.pipelines.epochs import Orders, Sample
from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.pictures import as_rgb, has_exif_in_webp, is_damaged_png
from resnext_bench.pipelines.images.pixels import Normalise, resize_into
from resnext_bench.pipelines.names import printable
from resnext_bench.pipelines.shards.mapped import Mapped, ShardChanged
from resnext_bench.pipelines.shards.ranges import Ranges

MIRRORED = 0.5

Made = tuple[torch.Tensor, torch.Tensor, list[tuple[int, str]]]
"""Bytes [batch, 3, size, size] in NHWC memory, labels [batch], and samples that do not decode."""

NO_SAMPLE: Final = -1
"""Stands in place of a sample's number where a problem affects all samples."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TorchvisionSource:
    """Checked files (relative to `root`) with their class numbers, and how to decode them."""

    root: str
    files: Sequence[str]
    labels: Sequence[int]
    processes: int
    begin: Callable[[], None]
    """Function that is called first in each process."""
    skip_bad: bool = False
    """Whether a file that turns bad is left out from then on; otherwise it is an error."""
    ranges: Ranges | None = None
    """Places of the samples in shards; None where each has a file of its own."""


class TorchvisionBatches:
    """Endless batches of this rank's share; every batch is full, and epochs follow seamlessly.

    Processes are forked: create this while no thread of this process holds a lock.
    """

    def __init__(self, spec: BatchSpec, source: TorchvisionSource) -> None:
        self._device, self._source = spec.device, source
        shards = source.ranges.counts() if source.ranges else ()
        self._orders = Orders(spec.share(len(source.files), shards))
        mapped = Mapped(source.root, source.ranges) if source.ranges else None
        self.left_out: list[str] = []
        """Files that turned bad."""
        on_gpu = spec.device.type == "cuda"
        self._normalise = None if spec.pixels == "uint8" else _normaliser(spec)
        loader = DataLoader(
            Pictures(spec, source, mapped),
            batch_size=None,  # what is ordered is a whole batch
            # No end: the processes live as long.
            sampler=_read_ahead(self._orders, mapped) if mapped else self._orders,
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
        index, why = min(bad)
        if index == NO_SAMPLE or not self._source.skip_bad:
            raise DataError(why)
        new = {index for index, _ in bad} - self._orders.bad
        self._orders.bad |= new
        self.left_out += [printable(self._source.files[index]) for index in sorted(new)]


def _read_ahead(orders: Orders, mapped: Mapped) -> Iterator[list[Sample]]:
    for order in orders:
        mapped.will_need(order)
        yield order


def _normaliser(spec: BatchSpec) -> Normalise:
    return Normalise(
        width=spec.image_size,
        device=spec.device,
        dtype=FLOATS[spec.pixels],
        layout=spec.memory_format,
    )


class Pictures(Dataset[Made]):
    """Makes the batches that are ordered."""

    def __init__(
        self, spec: BatchSpec, source: TorchvisionSource, mapped: Mapped | None = None
    ) -> None:
        self._source, self._mapped = source, mapped
        self._shape = (spec.batch_size, spec.image_size, spec.image_size, 3)
        self._crop = v2.RandomResizedCrop(spec.image_size, scale=spec.area, ratio=spec.aspect)

    def __getitem__(self, order: list[Sample]) -> Made:
        """Return a batch; bad files are returned too, as DataLoader buries errors in tracebacks.

        A bad image is replaced by a good one of the batch, cropped once more.
        """
        # NHWC rows seen as NCHW.
        images = torch.empty(self._shape, dtype=torch.uint8).permute(0, 3, 1, 2)
        bad: dict[int, str] = {}
        good: list[int] = []
        for place, sample in enumerate(order):
            try:
                self._make(sample, images[place : place + 1])
                good.append(place)
            except ShardChanged as error:
                return torch.empty(0), torch.empty(0), [(NO_SAMPLE, str(error))]
            except DataError as error:
                bad[place] = str(error)
        told = [(order[place].item, why) for place, why in bad.items()]
        kept = list(order)
        for place in bad if good else ():
            kept[place] = Sample(order[good[0]].item, order[place].seed)
            self._make(kept[place], images[place : place + 1])
        labels = torch.tensor([self._source.labels[sample.item] for sample in kept])
        return images, labels, told

    def _make(self, sample: Sample, slot: torch.Tensor) -> None:
        """Crop, resize and mirror a sample at random, into its place in the batch."""
        pixels = self._pixels(sample.item)
        # Transforms draw from this generator. torch.manual_seed would look for GPUs, too.
        torch.default_generator.manual_seed(sample.seed)
        drawn = self._crop.make_params([pixels])
        crop = functional.crop(
            pixels[None], drawn["top"], drawn["left"], drawn["height"], drawn["width"]
        )
        resize_into(slot, crop, mirror=bool(torch.rand(1) < MIRRORED))

    def _pixels(self, index: int) -> torch.Tensor:
        path = os.path.join(self._source.root, self._source.files[index])  # noqa: PTH118  (10 us)
        return decoded(path, self._mapped.bytes_of(index) if self._mapped else None)


def decoded(path: str, content: NDArray[np.uint8] | None = None) -> torch.Tensor:
    """Decode a file to bytes [3, height, width], rotated as its Exif data says.

    For a sample in a shard, its content is given and `path` is its name. A copy is decoded, which
    takes a few us: writing to the file meanwhile would crash torchvision's decoder, and the
    process.
    """
    held = _read(path) if content is None else content.copy()
    for_pil = is_damaged_png(held.data) or has_exif_in_webp(held.data)
    pixels = None if for_pil else _decoded_by_torchvision(held)
    if pixels is None:  # BMP, or what PIL alone reads, by which the file was proven
        pixels = _decoded_by_pil(path, held)
    found: torch.Tensor = functional.to_dtype(pixels, torch.uint8, scale=True)  # 16 bits of PNG
    return found


def _decoded_by_torchvision(content: NDArray[np.uint8]) -> torch.Tensor | None:
    try:
        pixels: torch.Tensor = decode_image(
            torch.from_numpy(content), ImageReadMode.RGB, apply_exif_orientation=True
        )
    except RuntimeError:
        return None
    return pixels


def _read(path: str) -> NDArray[np.uint8]:
    try:
        return np.fromfile(path, np.uint8)
    except OSError as error:
        raise _bad(path, error.strerror or error) from error


def _decoded_by_pil(path: str, content: NDArray[np.uint8]) -> torch.Tensor:
    try:
        with Image.open(io.BytesIO(content.tobytes())) as image:
            turned = as_rgb(image)
    except Exception as error:  # decoders raise nearly anything on damaged input
        what = "not an image" if isinstance(error, UnidentifiedImageError) else error
        raise _bad(path, what) from error
    pixels: torch.Tensor = functional.pil_to_tensor(turned)
    return pixels


def _bad(path: str, why: object) -> DataError:
    return DataError(f"{path} cannot be decoded, although it was good when it was checked: {why}")


def _as_it_is(made: Any) -> Any:
    """Return the batch: nothing is left to collate."""
    return made
