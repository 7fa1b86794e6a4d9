"""What DALI does with a picture: graphs of its operators.

Training augmentation is the field's: a random crop of 8 to 100 % of the area and 3/4 to 4/3 in
aspect, decoded alone, resized with antialiasing, mirrored half of the time.
"""

from collections.abc import Callable
from typing import Any, Final

from nvidia.dali import fn, pipeline_def, types

from resnext_bench.pipelines.batches import IMAGENET_MEAN, IMAGENET_STD, BatchSpec

Pull = Callable[[], Any]
"""Gives paths or contents, and labels, of the next batch."""

GIVEN: Final = "given"
"""The input of `picture_graph`: a path, or content."""

_FLOATS = {"fp32": types.FLOAT, "fp16": types.FLOAT16}


def is_rows(spec: BatchSpec) -> bool:
    """Whether a GPU's graph gives NHWC rows: bytes always, floats where the model wants them."""
    return spec.pixels == "uint8" or spec.channels_last


@pipeline_def  # type: ignore[untyped-decorator]
def crops_graph(spec: BatchSpec, pull: Pull, *, mapped: bool) -> tuple[object, object, object]:
    """On a CPU: crops as they were decoded, each of its own size, labels, and whom to mirror."""
    images, labels = crops(spec, "cpu", pull, mapped=mapped)
    return images, labels, coin()


@pipeline_def  # type: ignore[untyped-decorator]
def whole_graph(spec: BatchSpec, decode: str, pull: Pull, *, mapped: bool) -> tuple[object, object]:
    """On a GPU: bytes, or normalised floats in the layout of the model, and labels."""
    images, labels = crops(spec, decode, pull, mapped=mapped)
    # What the CPU decoded travels as bytes, a quarter of their size as floats.
    return finished(spec, images.gpu(), coin()), labels.gpu()


def crops(spec: BatchSpec, decode: str, pull: Pull, *, mapped: bool) -> tuple[Any, Any]:
    """Crops as HWC bytes of each its own size, where they were decoded, and labels on the CPU.

    In "mixed" the dedicated JPEG decoder of a GPU that has one takes its share, its CUDA cores
    the rest (DALI's hw_decoder_load); formats that it does not know are decoded by the CPU.
    """
    given, labels = fn.external_source(
        source=pull, num_outputs=2, dtype=[types.UINT8, types.INT64], ndim=[1, 1], no_copy=mapped
    )
    images = fn.decoders.image_random_crop(
        given if mapped else read(given),
        device=decode,
        output_type=types.RGB,
        random_area=list(spec.area),
        random_aspect_ratio=list(spec.aspect),
        # A GPU's chroma as everyone else's: interpolated, not repeated.
        jpeg_fancy_upsampling=True,
        # A rank has cores of its own; DALI would tie the threads of all ranks to the same ones.
        affine=False,
    )
    return images, labels


@pipeline_def  # type: ignore[untyped-decorator]
def picture_graph(*, mapped: bool) -> object:
    """One whole picture at a time, decoded on the CPU: to see whether DALI decodes it."""
    given = fn.external_source(name=GIVEN, dtype=types.UINT8, ndim=1)
    return fn.decoders.image(given if mapped else read(given), output_type=types.RGB, affine=False)


def read(paths: Any) -> Any:
    """What files hold.

    Read, not mapped: a file that somebody cuts short meanwhile is then a bad file, where a mapped
    one ends the process.
    """
    return fn.io.file.read(paths, dont_use_mmap=True)


def coin() -> Any:
    """Whom to mirror: half of the pictures."""
    return fn.random.coin_flip(probability=0.5)


def finished(spec: BatchSpec, images: Any, mirror: object) -> Any:
    """Crops resized with antialiasing and mirrored: bytes HWC, or floats normalised.

    No kernel is there for the mirror or the layout alone: bytes are mirrored where they are
    resized, floats where they are normalised, in the order of dimensions that the model wants.
    """
    size = (spec.image_size, spec.image_size)
    how = {"interp_type": types.INTERP_LINEAR, "antialias": True}
    if spec.pixels == "uint8":
        return fn.resize_crop_mirror(images, size=size, crop=size, mirror=mirror, **how)
    return fn.crop_mirror_normalize(
        fn.resize(images, size=size, **how),
        dtype=_FLOATS[spec.pixels],
        output_layout="HWC" if spec.channels_last else "CHW",
        mean=[255 * value for value in IMAGENET_MEAN],
        std=[255 * value for value in IMAGENET_STD],
        mirror=mirror,
    )
