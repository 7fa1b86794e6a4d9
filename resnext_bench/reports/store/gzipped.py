"""The bytes of gzip data in chunks of bounded size, and how they ended.

What can be read of damaged data is handed out before the damage is told. There may be several
members; bytes behind the last one that do not begin another are none of the data, and are told.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from isal import igzip_lib, isal_zlib

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_warnings import warning

CHUNK: Final = 4 << 20
"""Bytes handed out at once, at most."""
MAGIC: Final = b"\x1f\x8b"
"""What gzip data begin with."""


class Inflated:
    """The chunks of gzip data; iterate once, then ask how they ended."""

    def __init__(self, raw: Iterable[bytes], size: int) -> None:
        """Take compressed data as they are read, and how many bytes they have in all."""
        self._raw, self._size = raw, size
        self.damage: Note | None = None
        """Why the bytes end before the data's own end; None where they do not."""
        self.members = 0
        """Parts that ended as they should."""
        self.ignored = 0
        """Bytes behind the gzip data, unless they are zeros."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield what all members hold, one after another."""
        member: _Member | None = _member()
        rest, at = b"", 0  # what has been read and not inflated, and where in the file it begins
        for raw in self._raw:
            rest, chunk = rest + raw, b""
            while rest or len(chunk) == CHUNK:  # a full chunk may leave more inside
                if member is None:
                    kept = rest.lstrip(b"\0")  # padding is allowed behind a member
                    at, rest, chunk = at + len(rest) - len(kept), kept, b""
                    if len(rest) < len(MAGIC):
                        break  # what follows tells
                    if not rest.startswith(MAGIC):
                        self.ignored = self._size - at
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
            self.damage = warning("gzip_cut", byte=self._size)
        self.ignored = len(rest) if member is None else 0


class _Member(Protocol):
    """What decompresses one member of gzip data."""

    eof: bool
    unused_data: bytes
    unconsumed_tail: bytes

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def _member() -> _Member:
    found: _Member = isal_zlib.decompressobj(wbits=31)
    return found


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())
