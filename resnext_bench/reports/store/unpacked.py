"""Members of .tar.gz archives, each in a temporary file while it is read.

What is in such an archive can only be reached by decompressing all that comes before it. Members
are therefore taken in the order of the archive, which is decompressed once for all of them, and
each is there only until it has been read: as it is where it is gzip data, else compressed fast, so
that it takes about a tenth of its size.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from isal import isal_zlib

from resnext_bench.reports.store import archives
from resnext_bench.reports.store.files import temporary_folder, writing
from resnext_bench.reports.store.gzipped import MAGIC

_AT_ONCE: Final = 4 << 20
_GZIP_BITS: Final = 31
_FASTEST: Final = 0
"""Level of isal, which compresses at it as well."""


class Unpacked:
    """Gives members a place on the disk; leaving the `with` block removes them all."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._folder: Path | None = None
        self._streams: dict[Path, archives.Forward] = {}
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def place(self, path: Path) -> Path | None:
        """Unpack a member and return its place; None: it is read where it is.

        Raises OSError where the archive cannot be read or the place not be written. A damaged
        member is unpacked as far as it is sound, and what is wrong is told by whoever reads it.
        """
        archive = archives.archive_of(path)
        if archive is None or archives.listing(archive).kind != "tar.gz":
            return None
        member = archives.listing(archive).members[path]
        if self._folder is None:
            self._folder = self._stack.enter_context(temporary_folder())
        self._count += 1
        at = self._folder / f"{self._count}"
        self._write(self._stream(archive, member.at), member.size, at)
        return at

    def _stream(self, archive: Path, begin: int) -> archives.Forward:
        """Return the decompressed archive from a byte on; a link may lead back."""
        stream = self._streams.get(archive)
        if stream is None or stream.tell() > begin:
            file = self._stack.enter_context(archive.open("rb"))
            stream = self._streams[archive] = archives.forward(file, archive)
        stream.seek(begin)
        return stream

    def _write(self, stream: archives.Forward, size: int, at: Path) -> None:
        with writing(at), at.open("wb") as file:
            first = stream.read(min(size, _AT_ONCE))
            left = size - len(first)
            if first.startswith(MAGIC):
                file.write(first)
                while left and (chunk := stream.read(min(left, _AT_ONCE))):
                    left -= file.write(chunk)
                return
            packer = isal_zlib.compressobj(level=_FASTEST, wbits=_GZIP_BITS)
            while first:
                file.write(packer.compress(first))
                first = stream.read(min(left, _AT_ONCE))
                left -= len(first)
            file.write(packer.flush())


def in_order(paths: Sequence[Path]) -> list[int]:
    """Return the order in which to read files: as they are, but members as they are packed."""
    return sorted(range(len(paths)), key=lambda at: (_packed_at(paths[at]), at))


def _packed_at(path: Path) -> tuple[str, int]:
    archive = archives.archive_of(path)
    if archive is None or archives.listing(archive).kind != "tar.gz":
        return "", 0
    return str(archive), archives.listing(archive).members[path].at
