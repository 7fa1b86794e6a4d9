"""The one exception tree. Each class is one exit code; its text is what the user reads."""

import errno
import os
from typing import ClassVar, Final, TypeGuard

from resnext_bench.reports.errors import FULL, OF_THE_ENVIRONMENT, Unwritten

__all__ = [
    "OF_THE_ENVIRONMENT",
    "Advised",
    "BenchError",
    "CannotHere",
    "Interrupted",
    "NotKept",
    "RunFailed",
    "UsageError",
    "cannot_write",
    "is_of_the_environment",
    "what_helps",
]


class BenchError(Exception):
    """Base of all errors that are reported in a line or two instead of a traceback."""

    exit_code: ClassVar[int] = 70


class UsageError(BenchError):
    """An option, file or topology is not allowed: what was given, what is allowed, what to do."""

    exit_code = 2


class RunFailed(BenchError):
    """The training processes were started, and failed."""

    exit_code = 4


class CannotHere(BenchError):
    """The request is valid, but this machine or installation cannot do it."""

    exit_code = 5


class Advised(Exception):
    """An error whose text ends with what to do; `why` is the text without that."""

    def __init__(self, why: str, advice: str = "") -> None:
        super().__init__(f"{why}; {advice}" if advice else why)
        self.why = why
        self.advice = advice


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM. It is not an Exception, so that no `except Exception` can swallow it."""

    exit_code: ClassVar[int] = 130

    def __init__(self, text: str, record: object = None) -> None:
        super().__init__(text)
        self.record = record
        """The record of what was measured so far, to be shown; None where there is none."""


class NotKept(CannotHere):
    """Something cannot be written; `record` holds what was measured, so that it can be shown.

    `kept`: the record itself could be written.
    """

    def __init__(self, record: object, error: OSError, *, kept: bool = False) -> None:
        end = "what was measured is shown above" + ("" if kept else ", but not stored")
        super().__init__(f"{cannot_write(error)}; {end}")
        self.record = record
        self.error = error


_WHAT_HELPS: Final = {
    errno.ENOSPC: "free some space there, or name another folder{}",
    errno.EDQUOT: "the quota is used up: free some space there, or name another folder{}",
    errno.EFBIG: (
        "the limit on file size is too low (ulimit -f): raise it, or name another folder{}"
    ),
    errno.EROFS: "name a folder that can be written to{}",
    errno.EACCES: "name a folder that can be written to{}",
    errno.EPERM: "name a folder that can be written to{}",
    errno.EMFILE: "raise the limit on open files, ulimit -n",
    errno.EAGAIN: (
        "no more processes can be started: raise ulimit -u, or the limit of the container, "
        "--pids-limit"
    ),
    errno.EIO: "the storage device fails: see the kernel's log, or name another folder{}",
}


def is_of_the_environment(error: BaseException) -> TypeGuard[OSError]:
    """Return whether the machine, rather than the user or the program, is the cause."""
    if isinstance(error, Unwritten) or is_of_fork(error):
        return True
    return isinstance(error, OSError) and error.errno in OF_THE_ENVIRONMENT


def is_of_fork(error: BaseException) -> bool:
    """Return whether the limit on processes is reached, which `fork` reports without a name."""
    return isinstance(error, OSError) and error.errno == errno.EAGAIN and error.filename is None


def cannot_write(error: OSError) -> str:
    """Say in one line which file could not be written, why, and what helps.

    An error that is not known to be one of writing may have been one of reading.
    """
    why = error.strerror or str(error)
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    if is_of_fork(error):
        return f"cannot start a process: {why} {what_helps(error)}"
    verb = "write" if error.errno in FULL else "use"
    if isinstance(error, Unwritten):
        verb = error.verb
    return f"cannot {verb} {path or 'a file'}: {why} {what_helps(error)}".rstrip()


def what_helps(error: OSError) -> str:
    """Return what to do about it, in parentheses; empty where that is not known."""
    option = error.option if isinstance(error, Unwritten) else ""
    helps = _WHAT_HELPS.get(error.errno or 0, "").format(f" with {option}" if option else "")
    return f"({helps})" if helps else ""
