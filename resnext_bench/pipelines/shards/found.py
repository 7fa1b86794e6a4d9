"""The index of one shard, whatever its format."""

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
"""Largest number of classes: no memory holds a model with more, so a larger number is not a
class."""
_PACKERS: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)


class Entry(NamedTuple):
    """One sample: its name in the shard, where its bytes are, and its class number."""

    name: str
    offset: int
    length: int
    label: int


class Found(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The samples of one shard in order."""

    entries: tuple[Entry, ...]
    without_image: int
    """Samples without an image, which are skipped."""
    made_of: tuple[tuple[str, int], ...] = ()
    """What samples consist of, such as "jpg;cls", with their numbers, the most frequent first."""
    of_tfds: int = 0
    """Samples that were read by TFDS's names of features."""


KINDS_KEPT: Final = 8
"""Kinds of samples that are kept: enough to see how a shard was written."""


MOST_KINDS: Final = 1000
"""Kinds that are counted one by one."""


def _in_one_line(name: str) -> str:
    """Return a name for people; names in a damaged file may hold anything, line breaks too."""
    return "".join(
        sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in printable(name)
    )


class Kinds:
    """Counts what samples consist of."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._counts: Counter[str] = Counter()

    def see(self, parts: Sequence[str]) -> None:
        """Count a sample of these parts; of very many kinds the later ones are counted together."""
        word = self._mark.join([*parts[:MOST_PARTS], *(["…"] * (len(parts) > MOST_PARTS))])
        word = _in_one_line(word)
        known = word in self._counts or len(self._counts) < MOST_KINDS
        self._counts[word if known else "others"] += 1

    @property
    def most(self) -> tuple[tuple[str, int], ...]:
        """Return the most frequent kinds."""
        return tuple(self._counts.most_common(KINDS_KEPT))


MOST_PARTS: Final = 6


def found_words(made_of: Sequence[tuple[str, int]]) -> str:
    """Describe what samples consist of: "found: jpg;json (12 samples), txt (1 sample)"."""
    if not made_of:
        return "found: nothing that belongs to a sample"
    kinds = [f"{kind} ({count_of(count, 'sample')})" for kind, count in made_of[:NAMED]]
    return f"found: {', '.join(kinds)}" + ", …" * (len(made_of) > NAMED)


def require_plain(name: str, head: bytes) -> None:
    """Refuse a shard that is empty or compressed as a whole, of which no part can be read alone."""
    if not head:
        raise DataError(f"{name} is empty")
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
    """Return a class number, checked."""
    if not 0 <= label < MOST_CLASSES:
        raise DataError(
            f"{name}: {sample} has the class number {label}; allowed are 0 to {MOST_CLASSES - 1:,}"
        )
    return label


def unique(entries: list[Entry]) -> tuple[Entry, ...]:
    """Return entries with unique names: a repeated name gets its place."""
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
    """Return the name as the shard has it: the inverse of `unique`."""
    return re.sub(r" at byte \d+$", "", name)
