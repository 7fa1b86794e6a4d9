"""Words that every part needs: a number with its noun, the nearest valid name, any file's name."""

import difflib
from collections.abc import Iterable


def count_of(value: int, word: str) -> str:
    """Return a number and its noun: "1 class", "1,000 classes"."""
    plural = f"{word}es" if word.endswith("s") else f"{word}s"
    return f"{value:,} {word if value == 1 else plural}"


def nearest(given: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """Return the name most similar to what was given; empty where none is similar enough."""
    return next(iter(difflib.get_close_matches(given, list(known), n=1, cutoff=likeness)), "")


def readable(name: object) -> str:
    """Return a file's name as one line that terminals and JSON can hold, whatever bytes it has."""
    text = str(name)
    return text if text.isprintable() else "".join(map(_letter, text))


def _letter(one: str) -> str:
    if one.isprintable():
        return one
    if "\udc80" <= one <= "\udcff":  # a byte that is no UTF-8, as Python's paths hold it
        return f"\\x{ord(one) - 0xDC00:02x}"
    return one.encode("unicode_escape").decode()
