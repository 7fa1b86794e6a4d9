"""Cuts a data set from a user's photographs: any number of images, in typical sizes.

Each image is a part of one photograph, at least a quarter of the largest part of its shape, scaled
down to its size with antialiasing, and never up. Everything follows from the seed.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.file_verdicts import stamp
from resnext_bench.pipelines.images.folder import (
    EXTENSIONS,
    ImageFolder,
    entries_of,
    is_image,
    require_folder,
    scan,
)
from resnext_bench.pipelines.images.pictures import as_rgb, strict_decoding
from resnext_bench.pipelines.making import manifest
from resnext_bench.pipelines.making.made_spec import USUAL_LONG_PX
from resnext_bench.pipelines.making.manifest import MadeFile
from resnext_bench.pipelines.making.paint import size_px
from resnext_bench.pipelines.splits import take_folder
from resnext_bench.pipelines.workers import chunks, over

Progress = Callable[[int, int], None]

LEAST_AREA: Final = 0.25
SPLIT_CLASSES: Final = 8
CHUNK_PICTURES: Final = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoSpec:
    """All that the bytes of the set depend on; `photos` is the digest of their list."""

    images: int
    classes: list[str]
    photos: str
    seed: int = 0
    quality: int = 90
    long_px: int = USUAL_LONG_PX
    version: int = 1

    def __post_init__(self) -> None:
        """Refuse what would leave a class without images."""
        if self.images < len(self.classes):
            raise ValueError(f"{self.images} images for {len(self.classes)} classes")


def find(root: Path, classes: int | None, split: str | None = None) -> ImageFolder:
    """Find the photographs under a folder: in class folders, or distributed over `classes`."""
    require_folder(root)
    taken = take_folder(root, split, holds_shards=lambda _: False)
    root = taken.root
    loose = sorted(entry.name for entry in entries_of(root) if is_image(entry))
    try:
        folder = replace(scan(root), notes=(taken.note,) if taken.note else ())
    except DataError:
        if not loose:
            raise
        return _split(root, loose, classes)
    if classes not in (None, len(folder.classes)):
        raise DataError(
            f"{root} has {len(folder.classes)} class folders, not {classes}; leave out --classes, "
            "which is for photographs that are not in class folders"
        )
    return folder


def _split(root: Path, files: Sequence[str], classes: int | None) -> ImageFolder:
    """Distribute photographs that are not in class folders over classes, by name."""
    count = classes or min(SPLIT_CLASSES, len(files))
    if count > len(files):
        raise DataError(
            f"{count} classes cannot be made of the {len(files)} photographs in {root}; each class "
            "needs one of its own"
        )
    return ImageFolder(
        root=root,
        classes=tuple(f"class-{label:04d}" for label in range(count)),
        files=tuple(files),
        labels=tuple(number % count for number in range(len(files))),
    )


def spec_of(
    photos: ImageFolder, *, images: int, seed: int, quality: int, long_px: int
) -> PhotoSpec:
    """Return the spec of a set cut from these photographs as they are now."""
    lines = [
        f"{label}\t{path}\t{stamp(photos.root / path)}"
        for path, label in zip(photos.files, photos.labels, strict=True)
    ]
    listing = "\n".join(lines).encode("utf-8", "surrogateescape")
    return PhotoSpec(
        images=images,
        classes=list(photos.classes),
        photos=hashlib.sha256(listing).hexdigest(),
        seed=seed,
        quality=quality,
        long_px=long_px,
    )


def make(
    root: Path,
    photos: ImageFolder,
    spec: PhotoSpec,
    *,
    workers: int,
    progress: Progress | None = None,
) -> None:
    """Cut the set into `root`; the manifest is written last, so that it vouches for all."""
    for name in spec.classes:
        (root / name).mkdir()
    files: list[MadeFile] = []
    for written in over(
        partial(_cut, root, photos.root, spec), _shares(photos, spec.images), workers=workers
    ):
        files += written
        if progress:
            progress(len(files), spec.images)
    manifest.write(root, spec, sorted(files, key=lambda file: file.path))


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """Some of the images that are cut from one photograph."""

    photo: str
    label: int
    indices: tuple[int, ...]


def _shares(photos: ImageFolder, images: int) -> list[Share]:
    """Distribute images over classes in turn, and over the photographs of each class."""
    own: list[list[str]] = [[] for _ in photos.classes]
    for path, label in zip(photos.files, photos.labels, strict=True):
        own[label].append(path)
    return [
        Share(photo=path, label=label, indices=tuple(part))
        for label, paths in enumerate(own)
        for place, path in enumerate(paths)
        for part in chunks(
            range(label + place * len(own), images, len(own) * len(paths)), CHUNK_PICTURES
        )
    ]


def _cut(root: Path, source: Path, spec: PhotoSpec, share: Share) -> list[MadeFile]:
    """Decode one photograph and write its images."""
    with strict_decoding():
        try:
            with Image.open(source / share.photo) as file:
                photo = as_rgb(file)
        except Exception as error:  # decoders raise nearly anything on damaged input
            raise DataError(
                f"{source / share.photo} was good when it was checked: {error}"
            ) from error
        return [_write(root, photo, spec, share.label, index) for index in share.indices]


def _write(root: Path, photo: Image.Image, spec: PhotoSpec, label: int, index: int) -> MadeFile:
    """Write one image, which depends on its index alone."""
    path = f"{spec.classes[label]}/{index:06d}{EXTENSIONS[0]}"
    part = picture(photo, np.random.default_rng([spec.seed, 4, index]), spec.long_px)
    part.save(root / path, "JPEG", quality=spec.quality)
    return manifest.describe(root, path)


def picture(photo: Image.Image, rng: np.random.Generator, long_px: int) -> Image.Image:
    """Cut a random part in a typical size and shape."""
    width, height = size_px(rng, long_px)
    fits = min(photo.width / width, photo.height / height)
    scale = fits * float(np.sqrt(rng.uniform(LEAST_AREA, 1)))
    cut = (max(1, int(width * scale)), max(1, int(height * scale)))
    left = int(rng.integers(0, photo.width - cut[0] + 1))
    top = int(rng.integers(0, photo.height - cut[1] + 1))
    box = (left, top, left + cut[0], top + cut[1])
    if scale <= 1:
        return photo.crop(box)
    return photo.resize((width, height), Image.Resampling.LANCZOS, box=box, reducing_gap=2.0)
