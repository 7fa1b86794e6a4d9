"""Reads folders of shards: WebDataset's tar files or TFRecord files, from `pack` or others."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from resnext_bench.data_formats import SHARDS, DataFormat, file_of
from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.file_verdicts import Stamp
from resnext_bench.pipelines.images.folder import (
    DESCRIPTION,
    EXTENSIONS,
    ImageFolder,
    entries_of,
    holds_image,
    is_folder,
    require_folder,
    scan,
)
from resnext_bench.pipelines.shards import records, tars
from resnext_bench.pipelines.shards.found import Found, found_words
from resnext_bench.pipelines.shards.indices import Index, index_all
from resnext_bench.pipelines.shards.ranges import Ranges
from resnext_bench.pipelines.splits import NONE, Taken, take_folder, take_shards
from resnext_bench.wording import count_of

Progress = Callable[[int, int], None]

_RECORD_NAME: Final = re.compile(r"\.(tfrecords?|tfrec)$|-\d{5}-of-\d{5}$", re.IGNORECASE)
_NAMED: Final[dict[DataFormat, Callable[[str], object]]] = {
    "webdataset": lambda name: name.lower().endswith(".tar"),
    "tfrecord": _RECORD_NAME.search,
}
"""Whether a file is named like a shard of each format."""
_PACKED_NAME: Final = re.compile(r"\.(tar\.\w+|tgz|tfrecords?\.\w+)$", re.IGNORECASE)
_INDEX: Final[dict[DataFormat, Index]] = {"webdataset": tars.index, "tfrecord": records.index}


class _Shard(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    bytes: int


class _Description(msgspec.Struct, frozen=True, kw_only=True):
    """The part of what `pack` writes that is needed here."""

    version: int
    format: DataFormat
    classes: tuple[str, ...]
    shards: tuple[_Shard, ...]


def scan_any(
    root: Path,
    *,
    cache: Path,
    split: str | None = None,
    keep: bool = True,
    workers: int = 1,
    progress: Progress | None = None,
) -> ImageFolder:
    """List the images of a folder, in class folders or in shards, whose indices are cached.

    Of a root that holds splits, `split` is read, or train if it is empty.
    """
    _require_not_one(root)
    require_folder(root)
    taken = Taken(root=root) if shards_in(root)[1] else take_folder(root, split, holds_shards)
    kind, names = shards_in(taken.root)
    if not names:
        return scan_taken(taken)
    _require_one_meaning(taken.root, kind, names)
    chosen = take_shards(taken.root, names, split if taken.root == root else None)
    description = _description(taken.root, names)
    found = index_all(
        *(taken.root, chosen.names, _INDEX[kind]),
        cache=cache,
        keep=keep,
        workers=workers,
        progress=progress,
    )
    folder = _joined(taken.root, kind, chosen.names, found)
    _require_samples(folder, found)
    folder = replace(_classed(folder, description, found), split=chosen.split or taken.split)
    told = filter(None, (taken.note, chosen.note))
    more = (*_passed_over(found), *_several(kind, found))
    return replace(folder, notes=(*told, *folder.notes, *more))


def scan_split(root: Path, split: str | None) -> ImageFolder:
    """List the images of class folders, or of one split if the root holds splits."""
    require_folder(root)
    return scan_taken(take_folder(root, split, holds_shards))


def holds_shards(folder: Path) -> bool:
    """Return whether there are shards in a folder, even unreadable ones."""
    try:
        return bool(shards_in(folder)[1])
    except DataError:
        return True


def is_shard(name: str) -> bool:
    """Return whether a file is named like a shard."""
    return any(is_named(name) for is_named in _NAMED.values())


def scan_taken(taken: Taken) -> ImageFolder:
    """List the images of a folder, and note how it was chosen."""
    try:
        folder = _scanned(taken.root)
    except DataError as error:
        if not taken.splits:
            raise
        classes = f"add --split {NONE} if {' and '.join(taken.splits)} are classes"
        raise DataError(f"{error}; {taken.note}; {classes}") from None
    return replace(folder, split=taken.split, notes=(taken.note,) if taken.note else ())


def _require_not_one(root: Path) -> None:
    """Refuse a shard in place of its folder."""
    if is_shard(root.name) and root.is_file():
        raise DataError(
            f"{root} is a shard, not a folder; name the folder that holds it, {root.parent}"
        )


def shards_in(root: Path) -> tuple[DataFormat, list[str]]:
    """Return the shards in a folder, by name; empty where there are none."""
    files = sorted(entry.name for entry in entries_of(root) if entry.is_file())
    found = {kind: [name for name in files if is_named(name)] for kind, is_named in _NAMED.items()}
    there = {kind: names for kind, names in found.items() if names}
    if len(there) > 1:
        both = " and ".join(count_of(len(names), file_of(kind)) for kind, names in there.items())
        raise DataError(f"{root} holds {both}; name a folder with only one kind")
    if there:
        return next(iter(there.items()))
    if packed := [name for name in files if _PACKED_NAME.search(name)]:
        raise DataError(
            f"{root} holds compressed shards ({packed[0]}), of which no part can be read alone;"
            " unpack them"
        )
    return "folder", []


def _scanned(root: Path) -> ImageFolder:
    """Scan class folders; if there are none, shards may be one folder below."""
    try:
        return scan(root)
    except DataError:
        for entry in sorted(entries_of(root), key=lambda entry: entry.name):
            if is_folder(entry) and shards_in(root / entry.name)[1]:
                raise DataError(
                    f"{root} holds no images, but {root / entry.name} holds shards: name that "
                    "folder"
                ) from None
        raise


def _require_one_meaning(root: Path, format: DataFormat, names: Sequence[str]) -> None:
    shards = count_of(len(names), file_of(format)) if len(names) > 1 else f"the shard {names[0]}"
    folders = sorted(entry.name for entry in entries_of(root) if is_folder(entry))
    if holding := [name for name in folders if holds_image(root, name)]:
        raise DataError(
            f"{root} holds both {shards} and images in class folders ({holding[0]}); move one kind "
            "to a folder of its own"
        )


def _description(root: Path, names: Sequence[str]) -> _Description | None:
    """Read what `pack` says about its shards, which must all be there, with the same size."""
    try:
        found = msgspec.json.decode((root / DESCRIPTION).read_bytes(), type=_Description)
    except (OSError, ValueError):  # none, or another program's
        return None
    written = {shard.name: shard.bytes for shard in found.shards}
    if odd := sorted(written.keys() ^ set(names)):
        lies = "is missing" if odd[0] in written else "is not in the description"
        raise DataError(
            f"{root / DESCRIPTION} does not describe the shards next to it: {odd[0]} {lies}; copy "
            "or pack them again, or remove that file to read what is there"
        )
    for name, size in written.items():
        there = (root / name).stat().st_size
        if there != size:
            raise DataError(
                f"{root / name} has {there} bytes where {DESCRIPTION} says {size}:"
                " copy or pack it again"
            )
    return found


def _joined(
    root: Path, format: DataFormat, names: Sequence[str], found: Sequence[tuple[Stamp, Found]]
) -> ImageFolder:
    entries = [(at, entry) for at, (_, one) in enumerate(found) for entry in one.entries]
    return ImageFolder(
        root=root,
        classes=(),
        files=tuple(f"{names[at]}: {entry.name}" for at, entry in entries),
        labels=tuple(entry.label for _, entry in entries),
        format=format,
        ranges=Ranges(
            paths=tuple(names),
            stamps=tuple(stamp for stamp, _ in found),
            shard=tuple(at for at, _ in entries),
            offset=tuple(entry.offset for _, entry in entries),
            length=tuple(entry.length for _, entry in entries),
        ),
    )


def _require_samples(folder: ImageFolder, found: Sequence[tuple[Stamp, Found]]) -> None:
    if folder.files:
        return
    assert folder.ranges
    assert folder.format != "folder"
    kind = SHARDS[folder.format]
    raise DataError(
        f"no image in the {count_of(len(folder.ranges.paths), kind.file)} of {folder.root};"
        f" {found_words(_made_of(found))}; expected {kind.expected}"
    )


def _made_of(found: Sequence[tuple[Stamp, Found]]) -> list[tuple[str, int]]:
    """Return what samples of all shards consist of, the most frequent first."""
    counts: Counter[str] = Counter()
    for _, one in found:
        counts.update(dict(one.made_of))
    return counts.most_common()


def _several(format: DataFormat, found: Sequence[tuple[Stamp, Found]]) -> list[str]:
    """Return a note on samples that hold more than one image, of which one is used."""
    if format != "webdataset":
        return []
    kinds = [extension[1:] for extension in EXTENSIONS]
    for made_of, count in _made_of(found):
        images = [kind for kind in kinds if kind in made_of.split(";")]
        if len(images) > 1:
            which = f"{count:,} samples hold" if count > 1 else "1 sample holds"
            return [f"{which} several images ({made_of}): {images[0]} is used"]
    return []


def _classed(
    folder: ImageFolder,
    description: _Description | None,
    found: Sequence[tuple[Stamp, Found]],
) -> ImageFolder:
    """Add names of classes: those of `pack`, else the numbers."""
    least, most = min(folder.labels), max(folder.labels)
    if description:
        if most >= len(description.classes):
            raise DataError(
                f"{folder.root} holds class number {most}, but {DESCRIPTION} names"
                f" {len(description.classes)} classes; pack it again"
            )
        return replace(folder, classes=description.classes)
    if any(one.of_tfds for _, one in found):
        note = "TFDS's features image and label were read: class numbers are as stored, from 0"
        folder = replace(folder, notes=(*folder.notes, note))
    elif folder.format == "tfrecord" and least == 1:
        folder = replace(
            folder,
            labels=tuple(label - 1 for label in folder.labels),
            notes=(
                *folder.notes,
                ("class numbers in the shards begin at 1, and are counted from there"),
            ),
        )
        most -= 1
    return replace(folder, classes=tuple(str(label) for label in range(most + 1)))


def _passed_over(found: Sequence[tuple[Stamp, Found]]) -> list[str]:
    count = sum(one.without_image for _, one in found)
    return [f"samples without an image, which are skipped: {count:,}"] if count else []
