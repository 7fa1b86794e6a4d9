"""WebDataset: finds the samples in a tar file by its headers alone.

A sample is the consecutive members with one key, which is the name of a member up to the first dot
after its folder. KEY.jpg (or another kind of image) is the image, KEY.cls its class number as text,
which may also be elsewhere in the file.
"""

import os
import re
import tarfile
from collections import defaultdict, deque
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.folder import EXTENSIONS
from resnext_bench.pipelines.shards.found import (
    Entry,
    Found,
    Kinds,
    found_words,
    require_label,
    require_labels,
    require_plain,
    unique,
)
from resnext_bench.wording import readable

_NAME: Final = re.compile(r"((?:.*/|)[^./]+)[.]([^/]*)", re.DOTALL)
"""Splits a name as WebDataset does; a name without a dot, or a hidden one, is not part of a
sample."""
_LABEL: Final = "cls"
_LABEL_BYTES: Final = 64
_KINDS: Final = tuple(extension[1:] for extension in EXTENSIONS)


class _Member(NamedTuple):
    key: str
    kind: str
    """Everything after the first dot, in lower case."""
    name: str
    offset: int
    length: int


_Sample = dict[str, _Member]
"""The members of one key, by their kind."""
_Places = defaultdict[str, deque[int]]
_Members = defaultdict[str, deque[_Member]]
_UNKNOWN: Final = -1
"""Class number of a sample whose own was not found yet."""


def index(path: Path) -> Found:
    """Index the samples of a tar file; raise DataError if it is not one, or is truncated."""
    with path.open("rb") as file:
        require_plain(str(path), file.read(8))
        file.seek(0)
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)  # images are not read
        try:
            return _found(str(path), file)
        except DataError:
            raise
        except (tarfile.TarError, ValueError, OverflowError, MemoryError) as error:  # of damage
            raise DataError(
                f"{path} is not a tar file, or ends too early ({error}); write or copy it again"
            ) from error


def _found(shard: str, file: BinaryIO) -> Found:
    kinds, without_image = Kinds(";"), 0
    entries: list[Entry] = []
    waiting, lone = _Places(deque), _Members(deque)
    for key, group in groupby(_members(shard, file), key=lambda member: member.key):
        sample = _sample(shard, group)
        kinds.see(tuple(sample))
        image = next((sample[kind] for kind in _KINDS if kind in sample), None)
        if image is None:
            without_image += 1
            if _LABEL in sample:
                lone[key].append(sample[_LABEL])
            continue
        if _LABEL not in sample:
            waiting[key].append(len(entries))
        label = _label(shard, file, sample[_LABEL]) if _LABEL in sample else _UNKNOWN
        entries.append(Entry(image.name, image.offset, image.length, label))
    # `tar` by itself keeps the order of the folder: numbers may stand far from their images.
    for at, member in _pairs(waiting, lone):
        entries[at] = entries[at]._replace(label=_label(shard, file, member))
        without_image -= 1
    _require_labelled(shard, entries, kinds)
    return Found(entries=unique(entries), without_image=without_image, made_of=kinds.most)


def _pairs(waiting: _Places, lone: _Members) -> Iterator[tuple[int, _Member]]:
    """Pair images without a class number with the number of their key elsewhere.

    In concatenated shards keys repeat: the first number goes to the first image.
    """
    for key, places in waiting.items():
        yield from zip(places, lone.get(key, ()), strict=False)


def _require_labelled(shard: str, entries: list[Entry], kinds: Kinds) -> None:
    without = [entry.name for entry in entries if entry.label == _UNKNOWN]
    expected = "KEY.cls with the number as text for each KEY.jpg, of the same folder and KEY"
    require_labels(shard, without, len(entries), found_words(kinds.most), expected)


def _members(shard: str, file: BinaryIO) -> Iterator[_Member]:
    """Yield the files that belong to samples, in order."""
    size = os.fstat(file.fileno()).st_size
    with tarfile.open(fileobj=file, mode="r:") as tar:
        while (info := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # all of them would be kept
            # A negative size would lead back, and round for ever.
            if info.size < 0 or (info.isreg() and info.offset_data + info.size > size):
                raise tarfile.ReadError(f"{info.name} ends beyond the file")
            parts = _NAME.fullmatch(info.name)
            if parts and info.isreg() and not info.issparse():
                name = os.fsencode(info.name).decode(errors="replace")
                yield _Member(parts[1], parts[2].lower(), name, info.offset_data, info.size)
        _require_end(shard, file, tar.offset)


def _require_end(shard: str, file: BinaryIO, offset: int) -> None:
    """Refuse a file without the empty block that ends a tar file, which tarfile accepts."""
    file.seek(offset)
    block = file.read(tarfile.BLOCKSIZE)
    if block == bytes(tarfile.BLOCKSIZE):
        return
    if len(block) < tarfile.BLOCKSIZE:
        what = "it was truncated, or never closed"
    else:
        what = "what follows is not a header: it is damaged"
    raise DataError(f"{shard} ends too early, after {offset} bytes: {what}; write or copy it again")


def _sample(shard: str, group: Iterator[_Member]) -> _Sample:
    sample: _Sample = {}
    for member in group:
        if member.kind in sample:
            raise DataError(f"{shard} holds {member.name} twice in one sample; write it again")
        sample[member.kind] = member
    return sample


def _label(shard: str, file: BinaryIO, member: _Member) -> int:
    # Of the descriptor itself: the place of the file is tarfile's.
    text = os.pread(file.fileno(), min(member.length, _LABEL_BYTES), member.offset)
    try:
        label = int(text)
    except ValueError:
        held = readable(text[:20].decode(errors="surrogateescape"))
        raise DataError(
            f"{shard}: {member.name} holds '{held}'; expected a class number as text"
        ) from None
    return require_label(shard, member.name, label)
