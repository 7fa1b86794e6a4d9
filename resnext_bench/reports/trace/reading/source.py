"""The bytes of a trace file in chunks of bounded size, decompressed on the way.

gzip is told by its first two bytes, not by the file's name. What can be read of a damaged file is
handed out before the damage is told. A gzip file may have several members; bytes behind the last
one that do not begin another are none of its data, and are told.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from isal import igzip_lib, isal_zlib

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_warnings import warning

CHUNK: Final = 4 << 20
"""Bytes handed out at once, at most."""
_GZIP: Final = b"\x1f\x8b"
_AT_ONCE: Final = 1 << 20
"""Bytes read of the file at once."""

Progress = Callable[[int, int], None]
"""Called with the bytes read of the file so far and its size."""


def no_progress(read: int, size: int) -> None:
    """Nobody watches."""


class Source:
    """The chunks of one file; iterate once, then ask how it ended."""

    def __init__(self, path: Path, progress: Progress = no_progress) -> None:
        self._path, self._progress = path, progress
        self.size = path.stat().st_size
        self.damage: Note | None = None
        """Why the bytes end before the file's own end; None where they do not."""
        self.members = 0
        """Parts of a gzip file that ended as they should."""
        self.ignored = 0
        """Bytes of the file behind its gzip data, unless they are zeros."""

    def __iter__(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            compressed = file.read(2) == _GZIP
            file.seek(0)
            yield from self._inflated(file) if compressed else self._read(file, CHUNK)

    def _read(self, file: BinaryIO, size: int) -> Iterator[bytes]:
        read = 0
        while chunk := file.read(size):
            read += len(chunk)
            self._progress(read, self.size)
            yield chunk

    def _inflated(self, file: BinaryIO) -> Iterator[bytes]:
        """Yield what all members of a gzip file hold, one after another."""
        member: _Member | None = _member()
        rest, at = b"", 0  # what has been read and not inflated, and where in the file it begins
        for raw in self._read(file, _AT_ONCE):
            rest, chunk = rest + raw, b""
            while rest or len(chunk) == CHUNK:  # a full chunk may leave more inside
                if member is None:
                    kept = rest.lstrip(b"\0")  # padding is allowed behind a member
                    at, rest, chunk = at + len(rest) - len(kept), kept, b""
                    if len(rest) < len(_GZIP):
                        break  # what follows tells
                    if not rest.startswith(_GZIP):
                        self.ignored = self.size - at
                        return
                    member = _member()
                try:
                    chunk = member.decompress(rest, CHUNK)
                except igzip_lib.IsalError as error:  # type: ignore[misc]  # its stub has no base
                    self.damage = warning("gzip_damaged", byte=at, why=_plain(error))
                    return
                if chunk:
                    yield chunk
                left = member.unused_data if member.eof else member.unconsumed_tail
                at, rest = at + len(rest) - len(left), left
                if member.eof:
                    member, self.members = None, self.members + 1
        if member is not None:
            self.damage = warning("gzip_cut", byte=self.size)
        self.ignored = len(rest) if member is None else 0


class _Member(Protocol):
    """What decompresses one member of a gzip file."""

    eof: bool
    unused_data: bytes
    unconsumed_tail: bytes

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def _member() -> _Member:
    found: _Member = isal_zlib.decompressobj(wbits=31)
    return found


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())
