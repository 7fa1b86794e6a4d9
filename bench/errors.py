"""The one exception tree. Each class is one exit code; its text is what the user reads."""

import errno
import os
from typing import ClassVar, Final


class BenchError(Exception):
    """Base of all that the program reports in a line or two instead of a traceback."""

    exit_code: ClassVar[int] = 70


class UsageError(BenchError):
    """An option, file or topology is not allowed: what was given, what is allowed, what to do."""

    exit_code = 2


class RunFailed(BenchError):
    """The training processes started and did not end well."""

    exit_code = 4


class CannotHere(BenchError):
    """The request is valid, but this machine or installation cannot do it."""

    exit_code = 5


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM. No Exception, so that nobody's `except Exception` can swallow it."""

    exit_code: ClassVar[int] = 130

    def __init__(self, text: str, record: object = None) -> None:
        super().__init__(text)
        self.record = record
        """Of what was measured until then, to be shown; None where there is none."""


class NotKept(CannotHere):
    """What was measured cannot be written; `record` holds it, so that it is shown at least."""

    def __init__(self, record: object, error: OSError) -> None:
        super().__init__(f"{cannot_write(error)}; what was measured is shown, and not kept")
        self.record = record
        self.error = error


OF_THE_ENVIRONMENT: Final = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ENXIO),
        *(errno.ENODEV, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ETIMEDOUT),
        *(errno.EACCES, errno.EPERM, errno.ENOTCONN, errno.EHOSTDOWN, errno.EREMOTEIO),
    }
)
"""What a file system, a quota or a device says: no fault of the program, nor of an option."""
_WHAT_HELPS: Final = {
    errno.ENOSPC: "free some space there, or name another folder",
    errno.EDQUOT: "the quota is used up: free some space there, or name another folder",
    errno.EFBIG: "files may not be as large there (ulimit -f): allow more, or name another folder",
    errno.EROFS: "name a folder that can be written to",
    errno.EACCES: "name a folder that can be written to",
    errno.EPERM: "name a folder that can be written to",
    errno.EMFILE: "too many files are open: raise ulimit -n",
    errno.EIO: "the device under it fails: see the kernel's log",
}


def cannot_write(error: OSError) -> str:
    """Say in one line which file could not be written, why, and what helps."""
    why = error.strerror or str(error)
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    helps = _WHAT_HELPS.get(error.errno or 0)
    return f"cannot write {path or 'a file'}: {why}" + (f" ({helps})" if helps else "")
