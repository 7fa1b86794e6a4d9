"""What a user can get wrong about a model, said so that the next try works."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

_NEAR: Final = 0.75
"""Similarity from which a known name may have been meant; vgg16 is near to none."""


class UnknownModel(ValueError):
    """Raised when a name belongs to no architecture; says what was given and what is near."""

    def __init__(self, given: str, known: Iterable[str], pattern: str) -> None:
        """Look for a known name that may have been meant."""
        near = get_close_matches(given.strip().lower(), list(known), n=1, cutoff=_NEAR)
        hint = f"; did you mean {near[0]}?" if near else "."
        super().__init__(f"unknown model {given!r}{hint} Allowed: {pattern}")

    def __reduce__(self) -> tuple[type[ValueError], tuple[str]]:
        """Cross a process boundary as its message: the arguments differ from `args`."""
        return ValueError, (str(self),)
