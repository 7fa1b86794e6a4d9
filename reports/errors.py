"""What can go wrong when reading what was stored."""


class StoreError(ValueError):
    """The runs folder, or a record in it, cannot be used as asked."""
