"""Sequences of names within longer ones, and how far two sequences agree around a place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import Ids

MOST: Final = 256
"""Occurrences that are looked at."""


def occurrences(part: Ids, whole: Ids) -> list[int]:
    """Return where a sequence begins in another one, at most MOST + 1 of all places."""
    wanted, all_ = part.astype(np.int32).tobytes(), whole.astype(np.int32).tobytes()
    found: list[int] = []
    at = all_.find(wanted) if wanted else -1
    while at >= 0 and len(found) <= MOST:
        if at % whole.itemsize == 0:
            found.append(at // whole.itemsize)
        at = all_.find(wanted, at + 1)
    return found


@dataclass(frozen=True, kw_only=True)
class Around:
    """How far two sequences agree around a part that both have."""

    before: int
    """Rows."""
    behind: int
    ends_before: bool
    """Whether they agree no further as they differ there, and not as one of them begins."""
    ends_behind: bool

    @property
    def rows(self) -> int:
        """Return how many rows agree besides the part."""
        return self.before + self.behind

    def excludes(self, other: "Around") -> bool:
        """Return whether another place differs from the sequence where this one agrees."""
        before = other.ends_before and other.before < self.before
        return before or (other.ends_behind and other.behind < self.behind)


def around(one: Ids, at: int, other: Ids, there: int, length: int, most: int) -> Around:
    """Return how far two sequences agree around a part of `length` rows.

    It begins at `at` in one of them and at `there` in the other one; `most`: rows that are looked
    at on each side.
    """
    back = min(at, there, most)
    before = _agreeing(one[at - back : at][::-1], other[there - back : there][::-1])
    at, there = at + length, there + length
    ahead = min(len(one) - at, len(other) - there, most)
    behind = _agreeing(one[at : at + ahead], other[there : there + ahead])
    return Around(
        before=before, behind=behind, ends_before=before < back, ends_behind=behind < ahead
    )


def _agreeing(one: Ids, other: Ids) -> int:
    unlike = np.flatnonzero(one != other)
    return int(unlike[0]) if len(unlike) else len(one)


def alike(told: Sequence[NDArray[np.int32]]) -> bool:
    """Return whether all tell the same, as far as each tells anything (-1: it does not).

    What one of them does not tell, those on both sides of it still have to tell alike.
    """
    known: NDArray[np.int32] | None = None
    for one in told:
        if known is None:
            known = one
        if one.shape != known.shape or ((one != known) & (one >= 0) & (known >= 0)).any():
            return False
        known = np.maximum(known, one)
    return True
