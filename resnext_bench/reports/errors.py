"""Errors of reading and of writing stored runs and traces."""

import errno
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resnext_bench.reports.schema.notes import Note
    from resnext_bench.reports.schema.trace_files import Broken


class StoreError(ValueError):
    """The runs folder, or a record in it, cannot be used as asked."""


class TraceError(StoreError):
    """A file is not a trace, or holds nothing that can be reported; names the file.

    `facts`: what is wrong with it, as warnings (`reports/schema/trace_warnings.py`), which whoever
    shows the error puts into words; `kind`: of what kind that is.
    """

    def __init__(
        self, told: str, *, facts: "Sequence[Note]" = (), kind: "Broken" = "unreadable"
    ) -> None:
        super().__init__(told)
        self.facts = tuple(facts)
        self.kind = kind

    def __reduce__(self) -> tuple[object, ...]:
        """Let processes hand it on whole."""
        return _trace_error, (str(self), self.facts, self.kind)


def _trace_error(told: str, facts: "Sequence[Note]", kind: "Broken") -> TraceError:
    return TraceError(told, facts=facts, kind=kind)


class SpanError(StoreError):
    """The range that was asked for is not within a trace; says what is."""


class Unwritten(OSError):
    """A file or a folder could not be written; its name is in `filename`."""

    verb = "write"
    option = ""
    """Option or variable with which another place can be named."""


FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""Errors of a disk, a quota or a limit that is used up, or of a read-only disk: only writing has
them."""
OF_THE_ENVIRONMENT: Final = frozenset(
    {
        *(*FULL, errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.EMFILE, errno.ENFILE),
        *(errno.ENOMEM, errno.ETIMEDOUT, errno.EACCES, errno.EPERM, errno.ENOTCONN),
        *(errno.EHOSTDOWN, errno.EREMOTEIO, errno.ENOLCK, errno.EBUSY),
    }
)
"""Errors of a file system, a quota or a device, which are no fault of the program or of an
option."""
