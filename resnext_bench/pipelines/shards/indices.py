"""Indices of shards, cached for as long as a shard keeps its size and time of change."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.file_verdicts import Stamp, replace_file, stamp
from resnext_bench.pipelines.shards.found import Found
from resnext_bench.pipelines.workers import over

VERSION: Final = 2
MANY_BYTES: Final = 4 << 30
"""Shards with fewer bytes in all are indexed faster than other processes would start."""

Index = Callable[[Path], Found]
Progress = Callable[[int, int], None]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a file in the cache."""

    version: int
    shards: dict[str, tuple[Stamp, Found]]


def index_all(
    root: Path,
    names: Sequence[str],
    index: Index,
    *,
    cache: Path,
    keep: bool,
    workers: int,
    progress: Progress | None,
) -> list[tuple[Stamp, Found]]:
    """Index each shard that is new or has changed; results may be cached."""
    known = _load(cache, root)
    stamps = {name: stamp(root / name) for name in names}
    found = {name: known[name] for name in names if known.get(name, (None,))[0] == stamps[name]}
    todo = [name for name in names if name not in found]
    if sum(stamps[name][0] for name in todo) < MANY_BYTES:
        workers = 1
    try:
        for name, one in over(partial(_indexed, root, index), todo, workers=workers):
            found[name] = (stamps[name], one)
            if progress:
                progress(len(found) - len(names) + len(todo), len(todo))
    finally:  # an interrupted start goes on where it was
        if keep and (todo or len(known) != len(found)):
            _save(cache, root, found)
    return [found[name] for name in names]


def _indexed(root: Path, index: Index, name: str) -> tuple[str, Found]:
    try:
        return name, index(root / name)
    except OSError as error:
        raise DataError(f"cannot read {root / name}: {error.strerror or error}") from error


def _place(cache: Path, root: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()
    return cache / f"shards-{digest[:16]}.msgpack"


def _load(cache: Path, root: Path) -> dict[str, tuple[Stamp, Found]]:
    try:
        kept = msgspec.msgpack.decode(_place(cache, root).read_bytes(), type=Kept)
    except (OSError, ValueError):
        return {}
    return kept.shards if kept.version == VERSION else {}


def _save(cache: Path, root: Path, found: dict[str, tuple[Stamp, Found]]) -> None:
    with contextlib.suppress(OSError, UnicodeError):
        content = msgspec.msgpack.encode(Kept(version=VERSION, shards=found))
        cache.mkdir(parents=True, exist_ok=True)
        replace_file(_place(cache, root), content)
