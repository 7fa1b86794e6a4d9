"""JPEG files through NVIDIA DALI: read, decode, random crop, resize, mirror, normalise.

DALI is told which files make the next batch, and reads them itself, in its threads: so its batches
hold the same files as those of torchvision, and a file that turns bad can be found and left out.
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
from pipelines.pictures import examine, strict_decoding
from pipelines.pixels import Normalise

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


class DaliBatches:
    """Endless batches of this rank's shard; every batch is full, epochs follow without a seam."""

    def __init__(self, spec: BatchSpec, source: DaliSource) -> None:
        self._spec, self._source = spec, source
        self._orders = Orders(spec.share(len(source.files)))
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
        """Paths as bytes, and labels [batch, 1], of the next batch."""
        order = next(self._orders)
        self._flying.append(order)
        root, files, labels = self._source.root, self._source.files, self._source.labels
        paths = [
            np.frombuffer(os.fsencode(os.path.join(root, files[one.item])), np.uint8)  # noqa: PTH118
            for one in order
        ]
        return paths, np.array([[labels[one.item]] for one in order], np.int64)

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
        paths = {index: Path(self._source.root) / self._source.files[index] for index in indices}
        with strict_decoding():
            found = {index: examine(path).why for index, path in sorted(paths.items())}
        return {index: why for index, why in found.items() if why}


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
def _pipeline(spec: BatchSpec, decode: str, pull: Callable[[], Any]) -> tuple[object, object]:
    """Graph from paths to bytes, or to normalised floats on a GPU."""
    paths, labels = fn.external_source(
        source=pull, num_outputs=2, dtype=[types.UINT8, types.INT64], ndim=[1, 1]
    )
    images = fn.decoders.image_random_crop(
        fn.io.file.read(paths),
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
