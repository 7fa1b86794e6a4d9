"""JPEG files through NVIDIA DALI: decode, random crop, resize, mirror, normalise.

The images leave DALI in the layout the model reads: NHWC rows for channels_last, so that no
transpose follows. Training augmentation is the field's: a random crop of 8 to 100 % of the area
and 3/4 to 4/3 in aspect, decoded alone, resized with antialiasing, mirrored half of the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.plugin.pytorch import DALIGenericIterator

from pipelines.batches import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    PREFETCHED,
    Batch,
    Batches,
    BatchSpec,
)

SHUFFLE_BUFFER = 1024
"""Files the reader draws from at random. Above a made data set's size: a full shuffle."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DaliSource:
    """Proven files (relative to `root`) with their class numbers, and how to decode them."""

    root: str
    files: Sequence[str]
    labels: Sequence[int]
    decode: Literal["cpu", "mixed"]
    threads: int


class DaliBatches:
    """Endless batches of this rank's shard; every batch is full, epochs follow without a seam."""

    def __init__(self, spec: BatchSpec, source: DaliSource) -> None:
        pipeline = _pipeline(
            spec,
            source,
            batch_size=spec.batch_size,
            num_threads=source.threads,
            device_id=spec.device.index if spec.device.type == "cuda" else None,
            seed=spec.seed * 1_000_003 + spec.rank,
            prefetch_queue_depth=PREFETCHED,
        )
        # size=-1: the reader goes round its shard for ever, so ranks never differ in their steps.
        self._iterator = DALIGenericIterator([pipeline], ["images", "labels"], size=-1)
        self._to_nchw = spec.channels_last

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> Batch:
        batch = next(self._iterator)[0]
        images, labels = batch["images"], batch["labels"]
        # NHWC rows seen as NCHW are channels_last: a view, not a copy.
        images = images.permute(0, 3, 1, 2) if self._to_nchw else images
        return images, labels.view(-1)


@pipeline_def  # type: ignore[untyped-decorator]
def _pipeline(spec: BatchSpec, source: DaliSource) -> tuple[object, object]:
    """Graph from files to normalised float images."""
    jpegs, labels = fn.readers.file(
        file_root=source.root,
        files=list(source.files),
        labels=list(source.labels),
        shard_id=spec.rank,
        num_shards=spec.world_size,
        random_shuffle=True,
        initial_fill=min(SHUFFLE_BUFFER, len(source.files)),
        name="files",
    )
    images = fn.decoders.image_random_crop(
        jpegs,
        device=source.decode,
        output_type=types.RGB,
        random_area=[0.08, 1.0],
        random_aspect_ratio=[3 / 4, 4 / 3],
    )
    labels = fn.cast(labels, dtype=types.INT64)
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
    images = fn.crop_mirror_normalize(
        images,
        dtype=types.FLOAT,
        output_layout="HWC" if spec.channels_last else "CHW",
        mean=[255 * value for value in IMAGENET_MEAN],
        std=[255 * value for value in IMAGENET_STD],
        mirror=fn.random.coin_flip(probability=0.5),
    )
    return images, labels
