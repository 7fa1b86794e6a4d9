"""Archives of traces (.zip, .tar, .tar.gz), whose members are read as they are: none is unpacked.

A member is called as a file would be if the archive were a folder: `ranks.zip/job/rank0.json`. What
its name in the archive may have of `..`, roots and backslashes is dropped; it is never a path of
the disk. Where two members have one name, the last one counts, as where they are unpacked.

Members of .zip and .tar are read from where they begin. Those of .tar.gz come after all that is
before them: one is reached by decompressing that, which takes a second for some hundred MB.
"""

import io
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from tarfile import (  # type: ignore[attr-defined]  # not in its stub
    EmptyHeaderError,
    EOFHeaderError,
    InvalidHeaderError,
    ReadError,
    TruncatedHeaderError,
)
from typing import BinaryIO, Final, Self

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.store.gzipped import MAGIC, Inflated

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_USTAR: Final = (257, b"ustar")
_BLOCK: Final = 512
_AT_ONCE: Final = 1 << 20
_MOST: Final = 20_000
"""Members that are looked at, as of a folder."""
_JUNK: Final = "__MACOSX"
"""Folder into which macOS puts what is no content."""
_HEAD: Final = 1 << 16
_HEADS: Final = 512
"""Members of which the beginning is kept: 32 MiB in all."""
_ENCRYPTED: Final = 0x1
"""Flag of a zip's member."""
_READ: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What members of a zip are compressed with; hardly anybody uses another way."""
_PIECE: Final = 1 << 12
"""Bytes of gzip data that are looked at together: damage behind them hides nothing in them."""
_NAMED: Final = (".tgz", ".tar.gz")
_BAD_ZIP: Final = (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error)
"""What damaged headers of a zip raise: also versions, names and places that cannot be."""
DAMAGED: Final = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError)
"""What reading an archive raises where it is damaged."""


class Encrypted(OSError):
    """A member needs a password."""

    def __init__(self) -> None:
        super().__init__("encrypted; unpack it with its password first: unzip FILE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A regular file in an archive."""

    path: Path
    """What it is called: the archive's path, and its name within."""
    size: int
    """Its bytes, in a file of its own."""
    at: int
    """Of a tar: byte of the (decompressed) archive at which it begins; of a zip: its place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What is in an archive."""

    kind: str
    """zip, tar or tar.gz."""
    members: dict[Path, Member]
    replaced: tuple[Path, ...] = ()
    """Names that a later member has, too."""
    heads: Mapping[Path, bytes] = field(default_factory=dict)
    """Of a .tar.gz, what the first members begin with, so that it is not sought for that again."""
    damage: Note | None = None
    """Why what follows the last member is not known; None: nothing does."""


def kind_of(path: Path) -> str:
    """Return zip, tar or tar.gz, by a file's first bytes; empty for all others.

    Damaged gzip data of which nothing can be read are what the file's name says.
    Raises OSError where it cannot be read.
    """
    with path.open("rb") as file:
        first = file.read(_BLOCK)
        if first.startswith(_ZIP):
            return "zip"
        if _is_tar(first):
            return "tar"
        if not first.startswith(MAGIC):
            return ""
        file.seek(0)
        inflated = Inflated(_raw(file, _PIECE), path.stat().st_size)
        inside = b""
        for chunk in inflated:
            inside += chunk
            if len(inside) >= _BLOCK:
                break
        hidden = inflated.damage is not None and path.name.lower().endswith(_NAMED)
        return "tar.gz" if _is_tar(inside[:_BLOCK]) or (hidden and len(inside) < _BLOCK) else ""


def _is_tar(first: bytes) -> bool:
    at, mark = _USTAR
    return first[at : at + len(mark)] == mark


def _raw(file: BinaryIO, size: int = _AT_ONCE) -> Iterator[bytes]:
    return iter(lambda: file.read(size), b"")


def archive_of(path: Path) -> Path | None:
    """Return the archive that a path leads into; None: it is that of a file, or of nothing."""
    for above in path.parents:
        with suppress(OSError, ValueError):  # a member's name may be longer than a file's can be
            if above.is_file():
                return above if kind_of(above) else None
            if above.is_dir():
                return None
    return None


def listing(path: Path) -> Listing:
    """Return what is in an archive, which is read once as long as it does not change.

    Raises OSError where it cannot be read, and one of `DAMAGED` where nothing can be told.
    """
    state = path.stat()
    return _listing(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=8)
def _listing(path: Path, size: int, changed_ns: int) -> Listing:
    kind = kind_of(path)
    return _of_zip(path) if kind == "zip" else _of_tar(path, kind)


def _of_zip(path: Path) -> Listing:
    with _zip(path) as archive:
        every = (
            Member(path=inside, size=info.file_size, at=at)
            for at, info in enumerate(archive.infolist()[:_MOST])
            if not info.is_dir() and (inside := _inside(path, info.filename))
        )
        return _listed("zip", every, None)


def _zip(path: Path) -> zipfile.ZipFile:
    """Open a zip. Raises BadZipFile where what tells its members is damaged, in whatever way."""
    try:
        return zipfile.ZipFile(path)
    except _BAD_ZIP as error:
        raise zipfile.BadZipFile(_plain(error)) from None


def _of_tar(path: Path, kind: str) -> Listing:
    found: list[Member] = []
    by_name: dict[str, tuple[int, int]] = {}
    heads: dict[Path, bytes] = {}
    with path.open("rb") as file:
        stream = _stream(file, path, kind)
        damage = None
        try:
            for info in _headers(stream):
                place = (info.offset_data, info.size)
                if info.islnk():  # a second name of a file that came before
                    place = by_name.get(info.linkname, place)
                elif not info.isreg() or info.issparse():
                    continue
                by_name[info.name] = place
                if inside := _inside(path, info.name):
                    found.append(Member(path=inside, at=place[0], size=place[1]))
                    if kind == "tar.gz" and info.isreg() and len(heads) < _HEADS:
                        heads[inside] = stream.read(min(_HEAD, info.size))
                if len(found) >= _MOST:
                    break
        except DAMAGED as error:
            damage = warning("archive_cut", why=_plain(error))
        told = getattr(stream, "damage", None)
    return replace(_listed(kind, iter(found), told or damage), heads=heads)


def _headers(stream: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """Yield the members; none of them is kept by tarfile itself.

    Raises TarError where it does not end as a tar does, with a block of zeros.
    """
    with tarfile.open(
        fileobj=stream, mode="r:", errors="surrogateescape", tarinfo=_Header
    ) as archive:
        while (info := archive.next()) is not None:
            yield info
            archive.members.clear()  # type: ignore[attr-defined]


class _Header(tarfile.TarInfo):
    """A header whose damage is told; tarfile takes a damaged one for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        """Return the next header. Raises ReadError where there is neither one nor the end."""
        at = tarfile.offset
        try:
            return super().fromtarfile(tarfile)
        except EOFHeaderError:  # zeros
            raise
        except EmptyHeaderError:
            raise ReadError(f"it ends at byte {at:,} without the zeros that end a tar") from None
        except TruncatedHeaderError:
            raise ReadError(f"it ends within the header of a member, at byte {at:,}") from None
        except InvalidHeaderError:
            raise ReadError(f"the header of a member is damaged, at byte {at:,}") from None


def _listed(kind: str, every: Iterator[Member], damage: Note | None) -> Listing:
    members: dict[Path, Member] = {}
    replaced: dict[Path, None] = {}
    for one in every:
        if one.path in members:
            replaced[one.path] = None
        members[one.path] = one
    return Listing(kind=kind, members=members, replaced=tuple(replaced), damage=damage)


def _inside(path: Path, name: str) -> Path | None:
    """Return what a member is called; None for what macOS adds."""
    parts = [one for one in re.split(r"[/\\]", name) if one not in ("", ".", "..")]
    if not parts or _JUNK in parts[:-1] or parts[-1].startswith("._"):
        return None
    return path.joinpath(*parts)


def damage_told(error: Exception) -> str:
    """Return why nothing of an archive can be read."""
    if isinstance(error, zipfile.BadZipFile):  # Python calls all of them no zip files
        return "a damaged zip archive, of which nothing can be read: it may end too early"
    return f"a damaged archive, of which nothing can be read ({_plain(error)})"


def head_of(path: Path) -> bytes | None:
    """Return what a file begins with, where that is known without reading it again."""
    archive = archive_of(path)
    return None if archive is None else listing(archive).heads.get(path)


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of a member of an archive. Raises OSError."""
    archive = archive_of(path)
    return path.stat().st_size if archive is None else _member(archive, path).size


def _member(archive: Path, path: Path) -> Member:
    try:
        return listing(archive).members[path]
    except KeyError:
        raise FileNotFoundError(2, "there is no such member", str(path)) from None
    except DAMAGED as error:
        raise _damaged(error) from None


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, or a member of an archive, to be read from its beginning to its end.

    Raises OSError; reading a member may raise one of `DAMAGED`.
    """
    archive = archive_of(path)
    if archive is None:
        with path.open("rb") as file:
            yield file
        return
    member = _member(archive, path)
    kind = listing(archive).kind
    if kind == "zip":
        with _packed(archive) as packed, _of_packed(packed, member) as inside:
            yield inside
        return
    with archive.open("rb") as file:
        stream = _stream(file, archive, kind)
        stream.seek(member.at)
        yield _Part(stream, member.size)  # type: ignore[misc]  # reads alone


def _packed(archive: Path) -> zipfile.ZipFile:
    try:
        return _zip(archive)
    except zipfile.BadZipFile as error:  # it has changed since it was listed
        raise _damaged(error) from None


def _of_packed(packed: zipfile.ZipFile, member: Member) -> BinaryIO:
    info = packed.infolist()[member.at]
    if info.flag_bits & _ENCRYPTED:
        raise Encrypted
    if info.compress_type not in _READ:
        raise OSError("compressed in a way that is not read here; unpack it first: unzip FILE")
    try:
        return packed.open(info)  # type: ignore[return-value]
    except _BAD_ZIP as error:
        raise _damaged(error) from None


def _damaged(error: Exception) -> OSError:
    return OSError(f"the archive is damaged: {_plain(error)}")


def _stream(file: BinaryIO, path: Path, kind: str) -> BinaryIO:
    return file if kind == "tar" else forward(file, path)  # type: ignore[return-value]


def forward(file: BinaryIO, path: Path) -> "Forward":
    """Return what gzip data in a file hold, to be read forward."""
    return Forward(Inflated(_raw(file), path.stat().st_size))


class Forward(io.RawIOBase):
    """A file that is read and skipped forward alone, made of chunks."""

    def __init__(self, inflated: Inflated) -> None:
        super().__init__()
        self._inflated = inflated
        self._chunks = iter(inflated)
        self._chunk, self._at, self._passed = memoryview(b""), 0, 0

    @property
    def damage(self) -> Note | None:
        """Return why it ended early."""
        return self._inflated.damage

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def tell(self) -> int:
        """Return how many bytes have been read or skipped."""
        return self._passed + self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Skip forward. Raises OSError for what is behind."""
        if whence != io.SEEK_SET or offset < self.tell():
            raise OSError("a stream is read forward alone")
        while self.tell() < offset and self._more():
            self._at = min(len(self._chunk), offset - self._passed)
        return self.tell()

    def _more(self) -> bool:
        """Return whether there is a byte to read."""
        while self._at == len(self._chunk):
            self._passed, self._at = self._passed + len(self._chunk), 0
            self._chunk = memoryview(next(self._chunks, b""))
            if not self._chunk:
                return False
        return True

    def read(self, size: int = -1) -> bytes:
        """Read that many bytes, less at the end."""
        found: list[bytes] = []
        left = size
        while left and self._more():
            part = self._chunk[self._at :] if left < 0 else self._chunk[self._at :][:left]
            found.append(bytes(part))
            self._at += len(part)
            left -= len(part) if left > 0 else 0
        return b"".join(found)


class _Part(io.RawIOBase):
    """A member of a tar, of which the file is at the beginning."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__()
        self._file, self._left = file, size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        found = self._file.read(wanted)
        if len(found) < wanted:
            told = getattr(self._file, "damage", None)
            if not found:
                self._left = 0
                raise EOFError(
                    "the archive ends within it" if told is None else "damaged gzip data"
                )
        self._left -= len(found)
        return found


def _plain(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
