"""What DALI does with a picture: graphs of its operators.

Training augmentation is the field's: a random crop of 8 to 100 % of the area and 3/4 to 4/3 in
aspect, decoded alone, resized with antialiasing, mirrored half of the time.
"""

from collections.abc import Callable
from typing import Any

from nvidia.dali import fn, pipeline_def, types

from pipelines.batches import IMAGENET_MEAN, IMAGENET_STD, BatchSpec

Pull = Callable[[], Any]
"""Gives paths or contents, and labels, of the next batch."""

_FLOATS = {"fp32": types.FLOAT, "fp16": types.FLOAT16}


def is_rows(spec: BatchSpec) -> bool:
    """Whether a GPU's graph gives NHWC rows: bytes always, floats where the model wants them."""
    return spec.pixels == "uint8" or spec.channels_last


@pipeline_def  # type: ignore[untyped-decorator]
def crops_graph(spec: BatchSpec, pull: Pull, *, mapped: bool) -> tuple[object, object, object]:
    """On a CPU: crops as they were decoded, each of its own size, labels, and whom to mirror."""
    images, labels = _crops(spec, "cpu", pull, mapped=mapped)
    return images, labels, fn.random.coin_flip(probability=0.5)


@pipeline_def  # type: ignore[untyped-decorator]
def whole_graph(spec: BatchSpec, decode: str, pull: Pull, *, mapped: bool) -> tuple[object, object]:
    """On a GPU: bytes, or normalised floats in the layout of the model, and labels."""
    images, labels = _crops(spec, decode, pull, mapped=mapped)
    # Pixels travel as bytes, a quarter of their size as floats; the rest is the GPU's work.
    images = fn.resize(
        images.gpu(),
        size=spec.image_size,
        mode="default",
        interp_type=types.INTERP_LINEAR,
        antialias=True,
    )
    mirror = fn.random.coin_flip(probability=0.5)
    if spec.pixels == "uint8":
        return fn.flip(images, horizontal=mirror), labels.gpu()
    return _floats(spec, images, mirror), labels.gpu()


def _crops(spec: BatchSpec, decode: str, pull: Pull, *, mapped: bool) -> tuple[Any, Any]:
    given, labels = fn.external_source(
        source=pull, num_outputs=2, dtype=[types.UINT8, types.INT64], ndim=[1, 1], no_copy=mapped
    )
    images = fn.decoders.image_random_crop(
        # Read, not mapped: a file that somebody cuts short meanwhile is then a bad file, where a
        # mapped one ends the process.
        given if mapped else fn.io.file.read(given, dont_use_mmap=True),
        device=decode,
        output_type=types.RGB,
        random_area=list(spec.area),
        random_aspect_ratio=list(spec.aspect),
    )
    return images, labels


def _floats(spec: BatchSpec, images: object, mirror: object) -> object:
    """Mirrored and normalised in one kernel."""
    return fn.crop_mirror_normalize(
        images,
        dtype=_FLOATS[spec.pixels],
        output_layout="HWC" if spec.channels_last else "CHW",
        mean=[255 * value for value in IMAGENET_MEAN],
        std=[255 * value for value in IMAGENET_STD],
        mirror=mirror,
    )
