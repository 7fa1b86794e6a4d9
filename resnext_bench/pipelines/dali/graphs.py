"""What DALI does with an image: graphs of its operators.

Training augmentation is the usual one: a random crop of 8 to 100 % of the area with an aspect ratio
of 3/4 to 4/3, of which nothing else is decoded, resized with antialiasing, mirrored half of the
time.
"""

from collections.abc import Callable
from typing import Any, Final

from nvidia.dali import fn, pipeline_def, types

from resnext_bench.pipelines.batches import IMAGENET_MEAN, IMAGENET_STD, BatchSpec

Pull = Callable[[], Any]
"""Returns paths or contents of the next batch, and its labels."""

GIVEN: Final = "given"
"""Name of the input of `picture_graph`: a path, or content."""

_FLOATS = {"fp32": types.FLOAT, "fp16": types.FLOAT16}


def is_rows(spec: BatchSpec) -> bool:
    """Return whether a GPU's graph gives NHWC rows: for bytes always, for floats on demand."""
    return spec.pixels == "uint8" or spec.channels_last


@pipeline_def  # type: ignore[untyped-decorator]
def crops_graph(spec: BatchSpec, pull: Pull, *, mapped: bool) -> tuple[object, object, object]:
    """Build the CPU's graph: decoded crops of different sizes, labels, and which to mirror."""
    images, labels = crops(spec, "cpu", pull, mapped=mapped)
    return images, labels, coin()


@pipeline_def  # type: ignore[untyped-decorator]
def whole_graph(spec: BatchSpec, decode: str, pull: Pull, *, mapped: bool) -> tuple[object, object]:
    """Build the GPU's graph: bytes, or normalised floats in the model's layout, and labels."""
    images, labels = crops(spec, decode, pull, mapped=mapped)
    # What the CPU decoded travels as bytes, a quarter of their size as floats.
    return finished(spec, images.gpu(), coin()), labels.gpu()


def crops(spec: BatchSpec, decode: str, pull: Pull, *, mapped: bool) -> tuple[Any, Any]:
    """Return crops as HWC bytes of different sizes, where they were decoded, and labels on the CPU.

    In "mixed" a GPU's dedicated JPEG decoder, if it has one, takes its share and its CUDA cores the
    rest (DALI's hw_decoder_load); the CPU decodes formats that they do not support.
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
    """Build a graph of one whole image at a time, to see whether DALI decodes it on the CPU."""
    given = fn.external_source(name=GIVEN, dtype=types.UINT8, ndim=1)
    return fn.decoders.image(given if mapped else read(given), output_type=types.RGB, affine=False)


def read(paths: Any) -> Any:
    """Read the files.

    They are not mapped: a file that is truncated meanwhile is then a bad file, where a mapped one
    would end the process.
    """
    return fn.io.file.read(paths, dont_use_mmap=True)


def coin() -> Any:
    """Return which to mirror: half of the images."""
    return fn.random.coin_flip(probability=0.5)


def finished(spec: BatchSpec, images: Any, mirror: object) -> Any:
    """Resize crops with antialiasing and mirror them: to HWC bytes, or normalised floats.

    No kernel runs only for the mirror or the layout: bytes are mirrored when they are resized,
    floats when they are normalised, in the order of dimensions that the model needs.
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
