"""What can go wrong when reading what was stored."""


class StoreError(ValueError):
    """The runs folder, or a record in it, cannot be used as asked."""


class TraceError(StoreError):
    """A file is no trace, or nothing of it can be read; names the file and where it broke."""
