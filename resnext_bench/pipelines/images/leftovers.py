"""Finds what else is in a folder of images: other files, and names that lead to no file."""

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from resnext_bench.pipelines.images.folder import (
    DESCRIPTION,
    EXTENSIONS,
    ImageFolder,
    entries_of,
    identity,
    is_folder,
)
from resnext_bench.pipelines.making.manifest import NAME as MANIFEST
from resnext_bench.pipelines.shards.sharded import is_shard

Astray = Literal["dangling link", "link loop", "unreadable", "no regular file"]
_KINDS: Final = (
    (stat.S_ISFIFO, "FIFO"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISBLK, "device"),
    (stat.S_ISCHR, "device"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stray:
    """A name like an image's that is not a regular file; loaders never see it."""

    path: str
    why: Astray
    seems: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Leftovers:
    """All that `scan` ignores, except hidden names."""

    by_extension: dict[str, int]
    """Files that are not named like images; without an extension: ""."""
    loose: int
    """Images next to the class folders, which belong to no class."""
    strays: tuple[Stray, ...]


def leftovers(root: Path) -> Leftovers:
    """Walk a folder like `scan`, and collect what that leaves out."""
    extensions: Counter[str] = Counter()
    strays: list[Stray] = []
    loose = 0
    for below, entry in _walk(root, "", frozenset()):
        path = f"{below}{entry.name}"
        if path == MANIFEST:  # ours
            continue
        if not entry.name.lower().endswith(EXTENSIONS):
            extensions[Path(entry.name).suffix.lower()] += 1
        elif stray := _stray(root / path, path):
            strays.append(stray)
        else:
            loose += not below
    return Leftovers(
        by_extension=dict(sorted(extensions.items(), key=lambda one: (-one[1], one[0]))),
        loose=loose,
        strays=tuple(sorted(strays, key=lambda one: one.path)),
    )


def beside_shards(folder: ImageFolder) -> Leftovers:
    """Return what is in a folder of shards, except the shards and what `pack` writes with them.

    Shards of another split are not leftovers either.
    """
    names = [
        entry.name
        for entry in entries_of(folder.root)
        if not is_folder(entry)
        and not is_shard(entry.name)
        and entry.name != DESCRIPTION
        and not entry.name.endswith(".idx")
    ]
    others = [name for name in names if not name.lower().endswith(EXTENSIONS)]
    counts = Counter(Path(name).suffix.lower() for name in others)
    return Leftovers(
        by_extension=dict(sorted(counts.items(), key=lambda one: (-one[1], one[0]))),
        loose=len(names) - len(others),
        strays=(),
    )


def _walk(
    root: Path, below: str, above: frozenset[tuple[int, int]]
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield everything except folders, with its folder's path; circular links are not followed."""
    here = identity(root / below)
    if here in above:
        return
    for entry in entries_of(root / below):
        if is_folder(entry):
            yield from _walk(root, f"{below}{entry.name}/", above | {here})
        else:
            yield below, entry


def _stray(full: Path, path: str) -> Stray | None:
    """Return what is wrong with a name like an image's; None for a regular file."""
    try:
        mode = full.stat().st_mode
    except OSError as error:
        kinds: dict[int | None, Astray] = {errno.ENOENT: "dangling link", errno.ELOOP: "link loop"}
        return Stray(path=path, why=kinds.get(error.errno, "unreadable"))
    if stat.S_ISREG(mode):
        return None
    seems = next((name for test, name in _KINDS if test(mode)), "")
    return Stray(path=path, why="no regular file", seems=seems)
