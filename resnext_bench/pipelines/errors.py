"""The errors of pipelines."""


class DataError(ValueError):
    """The user's data cannot be used: missing, empty, unreadable or corrupt."""


class Unwritable(DataError):
    """Data cannot be written where it should be; `cause` is the system's error.

    `is_advice` is true where the message says what to do.
    """

    def __init__(self, message: str, cause: OSError, *, is_advice: bool = False) -> None:
        super().__init__(message)
        self.cause = cause
        self.is_advice = is_advice
