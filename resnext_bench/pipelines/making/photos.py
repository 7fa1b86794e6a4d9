"""A data set cut from photographs of the user's: as many pictures as wanted, in usual sizes.

Each picture is a part of one photograph, at least a quarter of the largest part of its shape,
scaled down to its size with antialiasing, and never up. All of it follows from the seed.
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
        """Refuse what would leave a class without pictures."""
        if self.images < len(self.classes):
            raise ValueError(f"{self.images} images for {len(self.classes)} classes")


def find(root: Path, classes: int | None, split: str | None = None) -> ImageFolder:
    """The photographs under a folder: in their class folders, or shared out among `classes`."""
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
            f"{root} has {len(folder.classes)} class folders, not {classes};"
            " leave out --classes, which is for photographs in no folders"
        )
    return folder


def _split(root: Path, files: Sequence[str], classes: int | None) -> ImageFolder:
    """Photographs in no class folders, dealt out by name."""
    count = classes or min(SPLIT_CLASSES, len(files))
    if count > len(files):
        raise DataError(
            f"{count} classes of the {len(files)} photographs in {root};"
            " each class needs one of its own"
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
    """The spec of a set cut from these photographs as they are now."""
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
    """Some of the pictures that one photograph gives."""

    photo: str
    label: int
    indices: tuple[int, ...]


def _shares(photos: ImageFolder, images: int) -> list[Share]:
    """Classes get pictures in turn, and within a class its photographs do."""
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
    """Decode one photograph and write its pictures."""
    with strict_decoding():
        try:
            with Image.open(source / share.photo) as file:
                photo = as_rgb(file)
        except Exception as error:  # decoders raise nearly anything on damaged input
            raise DataError(f"{source / share.photo} was sound when checked: {error}") from error
        return [_write(root, photo, spec, share.label, index) for index in share.indices]


def _write(root: Path, photo: Image.Image, spec: PhotoSpec, label: int, index: int) -> MadeFile:
    """One picture, by its index alone."""
    path = f"{spec.classes[label]}/{index:06d}{EXTENSIONS[0]}"
    part = picture(photo, np.random.default_rng([spec.seed, 4, index]), spec.long_px)
    part.save(root / path, "JPEG", quality=spec.quality)
    return manifest.describe(root, path)


def picture(photo: Image.Image, rng: np.random.Generator, long_px: int) -> Image.Image:
    """A random part in a usual size and shape."""
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
