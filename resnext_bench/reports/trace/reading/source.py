"""The bytes of a trace file in chunks of bounded size, decompressed on the way.

gzip is told by its first two bytes, not by the file's name. What can be read of a damaged file is
handed out before the damage is told.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from isal import igzip_lib, isal_zlib

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
        self.damage = ""
        """Why the bytes end before the file's own end; empty where they do not."""

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
        """All members of a gzip file, one after another."""
        member = isal_zlib.decompressobj(wbits=31)
        done = 0
        for raw in self._read(file, _AT_ONCE):
            rest, chunk = raw, b""
            while rest or len(chunk) == CHUNK:  # a full chunk may leave more inside
                try:
                    chunk = member.decompress(rest, CHUNK)
                except igzip_lib.IsalError as error:  # type: ignore[misc]  # its stub has no base
                    where = done + len(raw) - len(rest)
                    self.damage = f"gzip data are damaged near byte {where:,}: {_plain(error)}"
                    return
                if chunk:
                    yield chunk
                rest = member.unconsumed_tail
                if member.eof:
                    rest = member.unused_data.lstrip(b"\0")  # padding is allowed behind a member
                    if rest:
                        member = isal_zlib.decompressobj(wbits=31)
            done += len(raw)
        if not member.eof:
            self.damage = f"gzip data end too early, at byte {done:,}"


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())
