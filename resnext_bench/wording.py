"""Words that every part needs: a number with its noun, and the name that was probably meant."""

import difflib
from collections.abc import Iterable


def count_of(value: int, word: str) -> str:
    """A number and its word: "1 class", "1,000 classes"."""
    plural = f"{word}es" if word.endswith("s") else f"{word}s"
    return f"{value:,} {word if value == 1 else plural}"


def nearest(given: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """The name most like what was given; empty where none is as like, of at most 1."""
    return next(iter(difflib.get_close_matches(given, list(known), n=1, cutoff=likeness)), "")
