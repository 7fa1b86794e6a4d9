"""JPEG files through NVIDIA DALI: read, decode, random crop, resize, mirror, normalise.

DALI is told which files make the next batch, and reads them itself, in its threads: so its batches
hold the same files as those of torchvision, and a file that turns bad can be found and left out.
Of shards it is given the bytes themselves, as views of mapped memory that its decoders look into.
Training augmentation is the field's: a random crop of 8 to 100 % of the area and 3/4 to 4/3 in
aspect, decoded alone, resized with antialiasing, mirrored half of the time. Images leave as bytes
in NHWC rows; on a GPU that is asked for floats, as floats in the layout of the model, made by the
same kernel that mirrors.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.plugin.pytorch import DALIGenericIterator

from pipelines.batches import FLOATS, IMAGENET_MEAN, IMAGENET_STD, Batch, Batches, BatchSpec
from pipelines.epochs import Orders, Sample
from pipelines.errors import DataError
from pipelines.mapped import Mapped
from pipelines.pictures import examine, strict_decoding
from pipelines.pixels import Normalise
from pipelines.ranges import Ranges
from pipelines.verdicts import Verdict

DALI_FLOATS = {"fp32": types.FLOAT, "fp16": types.FLOAT16}


@dataclass(frozen=True, kw_only=True, slots=True)
class DaliSource:
    """Proven files (relative to `root`) with their class numbers, and how to decode them."""

    root: str
    files: Sequence[str]
    labels: Sequence[int]
    decode: Literal["cpu", "mixed"]
    threads: int
    skip_bad: bool = False
    """Whether a file that turns bad is left out from then on; else it is an error."""
    ranges: Ranges | None = None
    """Where the samples lie in shards; None where each has a file of its own."""


class DaliBatches:
    """Endless batches of this rank's shard; every batch is full, epochs follow without a seam."""

    def __init__(self, spec: BatchSpec, source: DaliSource) -> None:
        self._spec, self._source = spec, source
        shards = source.ranges.counts() if source.ranges else ()
        self._orders = Orders(spec.share(len(source.files), shards))
        self._mapped = Mapped(source.root, source.ranges) if source.ranges else None
        self._held: deque[object] = deque(maxlen=_held_batches(spec))
        """Memory that DALI was given and did not copy."""
        self._flying: deque[list[Sample]] = deque()
        """Batches that DALI has begun and nobody has got yet, in order."""
        self._builds = 0
        self.left_out: list[str] = []
        """Files that turned bad."""
        in_torch = spec.device.type == "cpu" and spec.pixels != "uint8"
        self._normalise = _normaliser(spec) if in_torch else None
        self._iterator = self._built()

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> Batch:
        while True:
            try:
                batch = next(self._iterator)[0]
            except RuntimeError as error:
                self._mend(error)
            else:
                break
        self._flying.popleft()
        images, labels = batch["images"], batch["labels"].view(-1)
        if is_rows(self._spec):
            images = images.permute(0, 3, 1, 2)  # NHWC rows seen as NCHW: a view, not a copy
        return self._normalise(images) if self._normalise else images, labels

    def close(self) -> None:
        """End DALI's threads."""
        del self._iterator

    def _built(self) -> Any:
        spec, source = self._spec, self._source
        pipeline = _pipeline(
            spec,
            source.decode,
            self._pull,
            mapped=self._mapped is not None,
            batch_size=spec.batch_size,
            num_threads=source.threads,
            device_id=spec.device.index if spec.device.type == "cuda" else None,
            seed=(spec.seed * 1_000_003 + spec.rank + 7919 * self._builds) % 2**31,
            prefetch_queue_depth=spec.prefetch,
        )
        self._builds += 1
        return DALIGenericIterator(
            # size=-1: it goes on for ever. The first batch is asked for where errors are met.
            [pipeline],
            ["images", "labels"],
            size=-1,
            prepare_first_batch=False,
        )

    def _pull(self) -> tuple[list[np.ndarray], np.ndarray]:
        """Contents, or paths as bytes, and labels [batch, 1], of the next batch."""
        order = next(self._orders)
        self._flying.append(order)
        labels = np.array([[self._source.labels[one.item]] for one in order], np.int64)
        if self._mapped is None:
            return [self._path_bytes(one.item) for one in order], labels
        self._mapped.will_need(order)
        contents = [self._mapped.bytes_of(one.item) for one in order]
        self._held.append((contents, labels))
        return contents, labels

    def _path_bytes(self, index: int) -> np.ndarray:
        path = os.path.join(self._source.root, self._source.files[index])  # noqa: PTH118
        return np.frombuffer(os.fsencode(path), np.uint8)

    def _mend(self, error: RuntimeError) -> None:
        """Build the pipeline anew without what it failed at: DALI stops for good at one bad file.

        What nobody has got yet is begun once more.
        """
        flying = [sample for order in self._flying for sample in order]
        bad = self._bad({sample.item for sample in flying})
        if not bad:
            raise error
        if not self._source.skip_bad:
            index, why = next(iter(bad.items()))
            raise DataError(
                f"{Path(self._source.root) / self._source.files[index]} does not decode ({why}), "
                "but was sound when it was checked"
            ) from error
        self._orders.bad |= bad.keys()
        self.left_out += [self._source.files[index] for index in bad]
        self._orders.put_back([sample for sample in flying if sample.item not in bad])
        self._flying.clear()
        self._iterator = self._built()

    def _bad(self, indices: set[int]) -> dict[int, str]:
        """Those of the samples that do not decode, with the reason."""
        with strict_decoding():
            found = {index: self._verdict(index).why for index in sorted(indices)}
        return {index: why for index, why in found.items() if why}

    def _verdict(self, index: int) -> Verdict:
        root, ranges = Path(self._source.root), self._source.ranges
        if ranges is None:
            return examine(root / self._source.files[index])
        return examine(root / ranges.path(index), ranges.part(index))


def _held_batches(spec: BatchSpec) -> int:
    """How many batches' memory DALI may still look at.

    Those in its queues, one that was just got, and that of the one before, which a GPU may decode.
    """
    return 2 * spec.prefetch + 4


def is_rows(spec: BatchSpec) -> bool:
    """Whether DALI gives NHWC rows: bytes always, floats of a GPU where the model wants them."""
    return spec.pixels == "uint8" or spec.device.type == "cpu" or spec.channels_last


def _normaliser(spec: BatchSpec) -> Normalise:
    """On a CPU PyTorch's: 3 ms for 64 images of 224 px, where DALI's own operator takes 20 ms."""
    return Normalise(
        width=spec.image_size,
        device=torch.device("cpu"),
        dtype=FLOATS[spec.pixels],
        layout=spec.memory_format,
    )


@pipeline_def  # type: ignore[untyped-decorator]
def _pipeline(
    spec: BatchSpec, decode: str, pull: Callable[[], Any], *, mapped: bool
) -> tuple[object, object]:
    """Graph from paths, or contents in mapped shards, to bytes, or normalised floats on a GPU."""
    given, labels = fn.external_source(
        source=pull, num_outputs=2, dtype=[types.UINT8, types.INT64], ndim=[1, 1], no_copy=mapped
    )
    images = fn.decoders.image_random_crop(
        given if mapped else fn.io.file.read(given),
        device=decode,
        output_type=types.RGB,
        random_area=list(spec.area),
        random_aspect_ratio=list(spec.aspect),
    )
    if spec.device.type == "cuda":
        # Pixels travel as bytes, a quarter of their size as floats; the rest is the GPU's work.
        images, labels = images.gpu(), labels.gpu()
    images = fn.resize(
        images,
        size=spec.image_size,
        mode="default",
        interp_type=types.INTERP_LINEAR,
        antialias=True,
    )
    mirror = fn.random.coin_flip(probability=0.5)
    if spec.pixels == "uint8" or spec.device.type == "cpu":
        return fn.flip(images, horizontal=mirror), labels
    return _floats(spec, images, mirror), labels


def _floats(spec: BatchSpec, images: object, mirror: object) -> object:
    """Mirrored and normalised in one kernel, in the layout that the model reads."""
    return fn.crop_mirror_normalize(
        images,
        dtype=DALI_FLOATS[spec.pixels],
        output_layout="HWC" if spec.channels_last else "CHW",
        mean=[255 * value for value in IMAGENET_MEAN],
        std=[255 * value for value in IMAGENET_STD],
        mirror=mirror,
    )
