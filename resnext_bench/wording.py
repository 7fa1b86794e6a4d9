"""Words that every part needs: a number with its noun, and the nearest valid name."""

import difflib
from collections.abc import Iterable


def count_of(value: int, word: str) -> str:
    """Return a number and its noun: "1 class", "1,000 classes"."""
    plural = f"{word}es" if word.endswith("s") else f"{word}s"
    return f"{value:,} {word if value == 1 else plural}"


def nearest(given: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """Return the name most similar to what was given; empty where none is similar enough."""
    return next(iter(difflib.get_close_matches(given, list(known), n=1, cutoff=likeness)), "")
