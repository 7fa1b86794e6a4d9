"""Keeps verdicts on files in a manifest for each root."""

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Literal

import msgspec

from resnext_bench.pipelines.names import printable, restored, storable
from resnext_bench.whole import whole_file

VERSION = 3

Stamp = tuple[int, int]
"""Size in bytes and time of change in nanoseconds, by which a file is known to be unchanged."""

Why = Literal[
    "truncated", "not an image", "empty", "unreadable", "too large", "no regular file", "error"
]


class Verdict(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The result of decoding a file; `why` is None where it succeeded."""

    why: Why | None = None
    width: int = 0
    height: int = 0
    kind: str = ""
    """Format and mode, as "JPEG RGB"; for other files what they seem to be, as "HTML"."""


Verdicts = dict[str, tuple[Stamp, Verdict]]
"""Verdicts by path relative to the root."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the manifest; `root` is there for people who read it."""

    version: int
    root: str
    verdicts: Verdicts


def stamp(path: Path) -> Stamp:
    """Return size and time of change, or a stamp that no file has."""
    try:
        status = path.stat()
    except OSError:
        return (-1, -1)
    return status.st_size, status.st_mtime_ns


def manifest_path(cache: Path, root: Path) -> Path:
    """Return the manifest of a root, whichever path leads to it."""
    digest = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()
    return cache / f"proof-{digest[:16]}.json"


def load(cache: Path, root: Path) -> Verdicts:
    """Load what is known; a missing, damaged or outdated manifest counts as empty."""
    try:
        manifest = msgspec.json.decode(manifest_path(cache, root).read_bytes(), type=Manifest)
    except (OSError, ValueError):
        return {}
    if manifest.version != VERSION:
        return {}
    return {restored(path): verdict for path, verdict in manifest.verdicts.items()}


def save(cache: Path, root: Path, verdicts: Verdicts) -> None:
    """Replace the manifest in one step; if the cache cannot be written, nothing is kept."""
    path = manifest_path(cache, root)
    kept = {storable(name): verdict for name, verdict in verdicts.items()}
    with contextlib.suppress(OSError):
        told = printable(root.resolve())
        content = msgspec.json.encode(Manifest(version=VERSION, root=told, verdicts=kept))
        cache.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)


def replace_file(path: Path, content: bytes) -> None:
    """Write next to `path` and rename, so that no reader ever sees a part."""
    with whole_file(path, mode=0o600) as temporary:
        temporary.write_bytes(content)
