"""Writes files so that no reader ever sees half of one."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from resnext_bench.reports.errors import FULL, Unwritten
from resnext_bench.reports.schema.record import File
from resnext_bench.whole import whole_file

_OTHERS: Final = (errno.EIO, errno.EACCES, errno.EPERM, errno.ENXIO, errno.ESTALE)


@contextmanager
def writing(path: Path, option: str = "", verb: str = "write") -> Iterator[None]:
    """Raise a system error in the body as one of writing `path`.

    All code that writes does so in here, so that what cannot be written is reported by its own name
    and never taken for a bug. `option` names another place.
    """
    try:
        yield
    except Unwritten as error:  # of something in it, which says more
        error.option = error.option or option
        raise
    except OSError as error:
        number, why = error.errno or errno.EIO, error.strerror or str(error)
        unwritten = Unwritten(number, why, str(path))
        unwritten.option, unwritten.verb = option, verb
        raise unwritten from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write next to `path`, flush to disk, then rename over it.

    Raises Unwritten with the name of `path`, not of the temporary file next to it.
    """
    with writing(path):
        _write_beside(path, data)


def _write_beside(path: Path, data: bytes) -> None:
    with beside(path) as temporary, temporary.open("wb") as stream:
        stream.write(data)


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Yield a file to write, which gets the name `path` if the body succeeds."""
    with writing(path), whole_file(path) as temporary:
        yield temporary


def open_log(path: Path) -> BinaryIO:
    """Open a file to which processes append their output."""
    with writing(path):
        return path.open("ab")


def reserve(path: Path, size: int) -> None:
    """Make a file that reserves this many bytes on the disk, or raise Unwritten of its folder."""
    try:
        with writing(path.parent), path.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, size)
    except Unwritten:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def require_room(folder: Path, size: int = 1 << 16) -> None:
    """Raise Unwritten where the disk has no room for this many bytes in a folder."""
    path = folder / ".room"
    try:
        reserve(path, size)
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def make_temporary_folder() -> Path:
    """Make a folder of our own among the temporary files."""
    try:
        return Path(tempfile.mkdtemp(prefix="resnext-bench-"))
    except OSError as error:
        where = error.filename or "a folder for temporary files"
        raise Unwritten(error.errno, f"{error.strerror}; set TMPDIR", where) from error


@contextmanager
def temporary_folder(*, kept_after: type[Exception] | None = None) -> Iterator[Path]:
    """Make one for the duration of the body; it is kept after an error, if that is worth a look."""
    folder = make_temporary_folder()
    is_kept = False
    try:
        yield folder
    except Exception as error:
        is_kept = kept_after is not None and isinstance(error, kept_after)
        raise
    finally:
        if not is_kept:
            shutil.rmtree(folder, ignore_errors=True)


def os_error(text: str, path: Path) -> Unwritten | None:
    """Return the operating system's error that a library reports as text, or None."""
    for number in (*FULL, *_OTHERS):
        if os.strerror(number) in text:
            return Unwritten(number, os.strerror(number), str(path))
    return None


def describe(path: Path, root: Path) -> File:
    """Return name, size in bytes and checksum of a file below `root`."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return File(name=path.relative_to(root).as_posix(), size=len(data), sha256=digest)
