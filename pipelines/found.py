"""What the index of one shard says, whatever its format."""

from typing import Final, NamedTuple

import msgspec

from pipelines.errors import DataError

NAMED: Final = 3
MOST_CLASSES: Final = 1_000_000
"""A class number beyond is no class number: a model of so many classes fits nowhere."""
_PACKERS: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)


class Entry(NamedTuple):
    """One sample: its name in the shard, where its bytes lie, and its class number."""

    name: str
    offset: int
    length: int
    label: int


class Found(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The samples of one shard from front to back."""

    entries: tuple[Entry, ...]
    without_image: int
    """Samples that hold none, and are passed over."""


def require_plain(name: str, head: bytes) -> None:
    """Refuse a shard that is empty or compressed as a whole, of which no part can be read alone."""
    if not head:
        raise DataError(f"{name} is empty: no byte of it was written")
    for sign, packer in _PACKERS:
        if head.startswith(sign):
            raise DataError(f"{name} is compressed ({packer}); unpack it, as images are already")


def require_labels(name: str, without: list[str], total: int, expected: str) -> None:
    """Refuse a shard with images that belong to no class."""
    if without:
        names = ", ".join(without[:NAMED]) + (", …" if len(without) > NAMED else "")
        raise DataError(
            f"{len(without)} of {total} images in {name} have no class number: {names};"
            f" expected {expected}"
        )


def require_label(name: str, sample: str, label: int) -> int:
    """A class number as such."""
    if not 0 <= label < MOST_CLASSES:
        raise DataError(
            f"{name}: {sample} has the class number {label}; allowed are 0 to {MOST_CLASSES - 1:,}"
        )
    return label


def unique(entries: list[Entry]) -> tuple[Entry, ...]:
    """The same with names that are all different: what comes again is told apart by its place."""
    seen: set[str] = set()
    found = []
    for entry in entries:
        again = entry.name in seen
        seen.add(entry.name)
        found.append(
            entry._replace(name=f"{entry.name} at byte {entry.offset}") if again else entry
        )
    return tuple(found)
