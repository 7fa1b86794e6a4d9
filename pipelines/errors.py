"""The one error of this package."""


class DataError(ValueError):
    """The user's data cannot be used: missing, empty, unreadable or corrupt."""
