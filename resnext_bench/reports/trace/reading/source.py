"""The bytes of a trace in chunks of bounded size, decompressed on the way.

gzip is told by its first two bytes, not by the file's name; a member of an archive is read as a
file is. What can be read of a damaged file is handed out before the damage is told.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.store.archives import DAMAGED, head_of, opened, size_of
from resnext_bench.reports.store.gzipped import CHUNK, MAGIC, Inflated

_AT_ONCE: Final = 1 << 20
"""Bytes read at once of a file that is compressed."""

Progress = Callable[[int, int], None]
"""Called with the bytes read of the file so far and its size."""


def no_progress(read: int, size: int) -> None:
    """Nobody watches."""


def beginning(path: Path) -> bytes:
    """Return what a file begins with, decompressed; empty where that cannot be read.

    Raises OSError.
    """
    head = head_of(path)
    if head is None:
        return next(iter(Source(path)), b"")
    return next(iter(Inflated((head,), len(head))), b"") if head.startswith(MAGIC) else head


class Source:
    """The chunks of one file; iterate once, then ask how it ended."""

    def __init__(self, path: Path, progress: Progress = no_progress) -> None:
        self._path, self._progress = path, progress
        self.size = size_of(path)
        self._passed = 0
        self.damage: Note | None = None
        """Why the bytes end before the file's own end; None where they do not."""
        self.members = 0
        """Parts of a gzip file that ended as they should."""
        self.ignored = 0
        """Bytes of the file behind its gzip data, unless they are zeros."""

    def __iter__(self) -> Iterator[bytes]:
        with opened(self._path) as file:
            first = self._some(file, max(_AT_ONCE, len(MAGIC)))
            if first.startswith(MAGIC):
                yield from self._inflated(chain((first,), self._read(file, _AT_ONCE)))
                return
            if first:
                yield first
            yield from self._read(file, CHUNK)

    def _inflated(self, raw: Iterator[bytes]) -> Iterator[bytes]:
        """Yield what all members of a gzip file hold, one after another."""
        inflated = Inflated(raw, self.size)
        yield from inflated
        self.damage = self.damage or inflated.damage
        self.members, self.ignored = inflated.members, inflated.ignored

    def _read(self, file: BinaryIO, size: int) -> Iterator[bytes]:
        while chunk := self._some(file, size):
            yield chunk

    def _some(self, file: BinaryIO, size: int) -> bytes:
        """Read some bytes; none where an archive is damaged here, which is kept."""
        try:
            chunk = b"" if self.damage else file.read(size)
        except DAMAGED as error:
            self.damage = warning("archive_damaged", why=" ".join(str(error).split()))
            return b""
        if chunk:
            self._passed += len(chunk)
            self._progress(self._passed, self.size)
        return chunk
