"""What a user can get wrong about a model, in words that help the next try."""

from collections.abc import Iterable
from typing import Final

from resnext_bench.wording import nearest

_NEAR: Final = 0.75
"""Least similarity of a known name that may have been meant; vgg16 is near to none."""


class UnknownModel(ValueError):
    """Raised when a name belongs to no architecture; gives the name and the nearest known one."""

    def __init__(self, given: str, known: Iterable[str], pattern: str) -> None:
        """Look for a known name that may have been meant."""
        near = nearest(given.strip().lower(), known, likeness=_NEAR)
        hint = f"; did you mean {near}?" if near else "."
        super().__init__(f"unknown model {given!r}{hint} Allowed: {pattern}")

    def __reduce__(self) -> tuple[type[ValueError], tuple[str]]:
        """Cross a process boundary as a message, as the arguments differ from `args`."""
        return ValueError, (str(self),)
