"""The one exception tree. Each class is one exit code; its text is what the user reads."""

from typing import ClassVar


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
