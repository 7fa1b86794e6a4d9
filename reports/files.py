"""Writing files so that no reader ever sees half of one."""

import errno
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

from reports.schema.record import File

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""A disk, a quota or a limit that is used up, and a device that takes nothing."""
_OTHERS: Final = (errno.EACCES, errno.EPERM, errno.ENXIO, errno.ESTALE)


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside `path`, flush to disk, then rename over it.

    Raises OSError with the name of `path`, not of what lies beside it for a moment.
    """
    try:
        _write_beside(path, data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write_beside(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def os_error(text: str, path: Path) -> OSError | None:
    """Return the operating system's error that a library tells as text; None where it is none."""
    for number in (*FULL, *_OTHERS):
        if os.strerror(number) in text:
            return OSError(number, os.strerror(number), str(path))
    return None


def describe(path: Path, root: Path) -> File:
    """Name, size in bytes and checksum of a file below `root`."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return File(name=path.relative_to(root).as_posix(), size=len(data), sha256=digest)
