"""The manifest of a made data set: what was made, to be checked when it is read again."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

NAME = "manifest.json"
LIBRARIES = ("numpy", "pillow")


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeFile:
    """One file as it was written."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """The spec, the libraries that drew it and every file."""

    spec: dict[str, int | str | list[str]]
    libraries: dict[str, str]
    files: tuple[MadeFile, ...]


def describe(root: Path, path: str) -> MadeFile:
    """Describe a file as it is now."""
    content = (root / path).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return MadeFile(path=path, size_bytes=len(content), sha256=digest)


def write(root: Path, spec: object, files: Iterable[MadeFile]) -> None:
    """Write the manifest, which is the last file of a set."""
    libraries = {name: version(name) for name in LIBRARIES}
    manifest = Manifest(spec=msgspec.to_builtins(spec), libraries=libraries, files=tuple(files))
    (root / NAME).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))


def read(root: Path) -> Manifest:
    """Read the manifest of an existing set."""
    return msgspec.json.decode((root / NAME).read_bytes(), type=Manifest)


def holds(root: Path, spec: object, count: int) -> bool:
    """Return whether the set is complete: this spec, `count` files, each byte as written."""
    try:
        manifest = read(root)
        return (
            manifest.spec == msgspec.to_builtins(spec)
            and len(manifest.files) == count
            and {file.path for file in manifest.files} == _present(root)
            and all(describe(root, file.path) == file for file in manifest.files)
        )
    except (OSError, ValueError):
        return False


def _present(root: Path) -> set[str]:
    """List the files in the class folders: one too many would be trained on as well."""
    found = (path for path in root.glob("*/*") if not path.name.startswith("."))
    return {path.relative_to(root).as_posix() for path in found}
