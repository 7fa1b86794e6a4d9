"""Folders of images in the layout of torchvision's ImageFolder: root/class/**/image."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from resnext_bench.data_formats import DataFormat
from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.shards.ranges import Part, Ranges
from resnext_bench.wording import nearest

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
DESCRIPTION = "dataset.json"
"""The description that `pack` writes next to shards."""
LAYOUT = "expected one folder per class: {root}/CLASS/image.jpg"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFolder:
    """The images under a root, sorted by path; `labels[i]` indexes `classes` for `files[i]`."""

    root: Path
    classes: tuple[str, ...]
    files: tuple[str, ...]
    """Paths relative to the root, or "SHARD: NAME" for samples in shards."""
    labels: tuple[int, ...]
    format: DataFormat = "folder"
    ranges: Ranges | None = None
    """Places of the samples in shards, in order; None where each has a file of its own."""
    notes: tuple[str, ...] = ()
    """How an ambiguous folder was interpreted."""
    split: str | None = None
    """Split that names the same images under this root; None where the root needs no name."""

    def place(self, index: int) -> tuple[Path, Part | None]:
        """Return the file that holds an image, and which part of it; None: all of it."""
        if self.ranges is None:
            return self.root / self.files[index], None
        return self.root / self.ranges.path(index), self.ranges.part(index)

    def only(self, indices: Sequence[int]) -> "ImageFolder":
        """Return some of the images, in the order given; classes and labels do not change."""
        return replace(
            self,
            files=tuple(self.files[index] for index in indices),
            labels=tuple(self.labels[index] for index in indices),
            ranges=self.ranges.only(indices) if self.ranges else None,
        )


def scan(root: Path) -> ImageFolder:
    """List the images of each class; raise DataError where training could not use them."""
    classes = _classes(root)
    found = [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted(_images(root, name, frozenset({identity(root)})))
    ]
    _require_images(root, classes, found)
    return ImageFolder(
        root=root,
        classes=classes,
        files=tuple(path for path, _ in found),
        labels=tuple(label for _, label in found),
    )


def _classes(root: Path) -> tuple[str, ...]:
    """Return the class folders of a root, sorted by name."""
    require_folder(root)
    entries = entries_of(root)
    if classes := tuple(sorted(entry.name for entry in entries if is_folder(entry))):
        return classes
    layout = LAYOUT.format(root=root)
    if loose := sum(is_image(entry) for entry in entries):
        raise DataError(f"{root} holds {loose} images but no class folders; {layout}")
    raise DataError(f"{root} holds no class folders; {layout}")


def require_folder(root: Path) -> None:
    """Refuse a path that is missing or not a folder, with the nearest name there is."""
    try:
        if root.is_dir():
            return
        exists = root.exists()
    except PermissionError as error:
        raise DataError(f"cannot read {root}: {error.strerror}; check its permissions") from error
    if exists:
        raise DataError(f"{root} is not a folder; {LAYOUT.format(root='FOLDER')}")
    near = _nearest(root)
    hint = f"did you mean {near}?" if near else LAYOUT.format(root="FOLDER")
    raise DataError(f"there is no folder {root}; {hint}")


def _nearest(root: Path) -> Path | None:
    """Return the folder next to `root` whose name is most similar."""
    try:
        names = [path.name for path in root.parent.iterdir() if path.is_dir()]
    except OSError:
        return None
    near = nearest(root.name, names)
    return root.parent / near if near else None


def _require_images(root: Path, classes: tuple[str, ...], found: list[tuple[str, int]]) -> None:
    """Refuse classes without images, which would silently shift labels or leave them unused."""
    labels = {label for _, label in found}
    empty = [name for label, name in enumerate(classes) if label not in labels]
    if not empty:
        return
    kinds = ", ".join(EXTENSIONS)
    if len(empty) == len(classes):
        raise DataError(f"no images in the {len(classes)} class folders of {root} ({kinds})")
    names = ", ".join(empty[:3]) + (", …" if len(empty) > 3 else "")
    raise DataError(
        f"{len(empty)} of {len(classes)} class folders of {root} hold no images ({kinds}): "
        f"{names}; remove them or add images"
    )


def _images(root: Path, below: str, above: frozenset[tuple[int, int]]) -> Iterator[str]:
    """List relative paths of the images in a folder and everything below it."""
    here = identity(root / below)
    if here in above:  # a link to a folder that holds it would never end
        return
    for entry in entries_of(root / below):
        path = f"{below}/{entry.name}"
        if is_image(entry):
            yield path
        elif is_folder(entry):
            yield from _images(root, path, above | {here})


def holds_image(root: Path, below: str) -> bool:
    """Return whether there is an image in a folder or anywhere below it."""
    return any(True for _ in _images(root, below, frozenset({identity(root)})))


def entries_of(folder: Path) -> list[os.DirEntry[str]]:
    """List the entries of a folder, without hidden ones."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(f"cannot read {folder}: {error.strerror}; check its permissions") from error


def identity(folder: Path) -> tuple[int, int]:
    """Return what identifies a folder, whatever its path."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def is_image(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a file that is named like an image."""
    return entry.name.lower().endswith(EXTENSIONS) and _is(entry.is_file)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder, or a link to one."""
    return _is(entry.is_dir)


def _is(what: Callable[[], bool]) -> bool:
    """Return whether the check holds; a circular or unreadable link is neither file nor folder."""
    try:
        return what()
    except OSError:
        return False
