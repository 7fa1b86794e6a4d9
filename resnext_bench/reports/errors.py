"""What can go wrong when reading what was stored, and when storing it."""

import errno
from typing import Final


class StoreError(ValueError):
    """The runs folder, or a record in it, cannot be used as asked."""


class TraceError(StoreError):
    """A file is no trace, or nothing of it can be read; names the file and where it broke."""


class SpanError(StoreError):
    """The range that was asked for is not within a trace; says what is."""


class Unwritten(OSError):
    """A file or a folder could not be written; its name is in `filename`."""

    verb = "write"
    option = ""
    """What names another place for it."""


FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""A disk, a quota or a limit that is used up, and one that takes nothing: only writing meets it."""
OF_THE_ENVIRONMENT: Final = frozenset(
    {
        *(*FULL, errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.EMFILE, errno.ENFILE),
        *(errno.ENOMEM, errno.ETIMEDOUT, errno.EACCES, errno.EPERM, errno.ENOTCONN),
        *(errno.EHOSTDOWN, errno.EREMOTEIO, errno.ENOLCK, errno.EBUSY),
    }
)
"""What a file system, a quota or a device says: no fault of the program, nor of an option."""
