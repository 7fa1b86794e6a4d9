"""What a user can get wrong about a model, said so that the next try works."""

from collections.abc import Iterable
from typing import Final

from resnext_bench.wording import nearest

_NEAR: Final = 0.75
"""Similarity from which a known name may have been meant; vgg16 is near to none."""


class UnknownModel(ValueError):
    """Raised when a name belongs to no architecture; says what was given and what is near."""

    def __init__(self, given: str, known: Iterable[str], pattern: str) -> None:
        """Look for a known name that may have been meant."""
        near = nearest(given.strip().lower(), known, likeness=_NEAR)
        hint = f"; did you mean {near}?" if near else "."
        super().__init__(f"unknown model {given!r}{hint} Allowed: {pattern}")

    def __reduce__(self) -> tuple[type[ValueError], tuple[str]]:
        """Cross a process boundary as its message: the arguments differ from `args`."""
        return ValueError, (str(self),)
