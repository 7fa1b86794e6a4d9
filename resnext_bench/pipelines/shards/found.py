"""What the index of one shard says, whatever its format."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.names import printable
from resnext_bench.wording import count_of

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
    made_of: tuple[tuple[str, int], ...] = ()
    """What samples consist of, the most frequent first, and how many of them do: "jpg;cls"."""
    of_tfds: int = 0
    """Samples that were read by the names that TFDS gives its features."""


KINDS_KEPT: Final = 8
"""Of what samples consist of: enough to see how a shard was written."""


class Kinds:
    """Counts what samples consist of."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._counts: Counter[str] = Counter()

    def see(self, parts: Sequence[str]) -> None:
        """One more sample of these parts; of very many kinds the later ones are not told apart."""
        word = self._mark.join([*parts[:MOST_PARTS], *(["…"] * (len(parts) > MOST_PARTS))])
        word = printable(word) if word in self._counts or len(self._counts) < 1000 else "others"
        self._counts[word] += 1

    @property
    def most(self) -> tuple[tuple[str, int], ...]:
        """The most frequent."""
        return tuple(self._counts.most_common(KINDS_KEPT))


MOST_PARTS: Final = 6


def found_words(made_of: Sequence[tuple[str, int]]) -> str:
    """What samples consist of, in words: "found: jpg;json (12 samples), txt (1 sample)"."""
    if not made_of:
        return "found: nothing that belongs to a sample"
    kinds = [f"{kind} ({count_of(count, 'sample')})" for kind, count in made_of[:NAMED]]
    return f"found: {', '.join(kinds)}" + ", …" * (len(made_of) > NAMED)


def require_plain(name: str, head: bytes) -> None:
    """Refuse a shard that is empty or compressed as a whole, of which no part can be read alone."""
    if not head:
        raise DataError(f"{name} is empty: no byte of it was written")
    for sign, packer in _PACKERS:
        if head.startswith(sign):
            raise DataError(f"{name} is compressed ({packer}); unpack it, as images are already")


def require_labels(name: str, without: list[str], total: int, found: str, expected: str) -> None:
    """Refuse a shard with images that belong to no class."""
    if without:
        names = ", ".join(without[:NAMED]) + (", …" if len(without) > NAMED else "")
        raise DataError(
            f"{len(without)} of {total} images in {name} have no class number: {names};"
            f" {found}; expected {expected}"
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


def own_name(name: str) -> str:
    """The name as the shard has it: the inverse of `unique`."""
    return re.sub(r" at byte \d+$", "", name)
