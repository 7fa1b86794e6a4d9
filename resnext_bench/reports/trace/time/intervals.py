"""Sets of time: sorted, disjoint half-open intervals in integer ns, so that lengths are exact."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ns = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Times:
    """A set of time: `start[i] <= t < end[i]`; sorted, disjoint and not touching, none empty."""

    start: Ns
    end: Ns

    @property
    def length(self) -> int:
        """Of all intervals together, ns."""
        return int((self.end - self.start).sum())

    def before(self, moment: Ns) -> Ns:
        """How much of the set lies before each moment, ns."""
        if not len(self.start):
            return np.zeros(len(moment), dtype=np.int64)
        whole = np.append(0, np.cumsum(self.end - self.start))
        at = np.searchsorted(self.start, moment, side="right")
        last = np.maximum(at - 1, 0)
        beyond = np.maximum(self.end[last] - moment, 0)
        return np.where(at > 0, whole[at] - beyond, 0)

    def within(self, windows: "Times | Windows") -> Ns:
        """How much of the set lies in each window, ns."""
        return self.before(windows.end) - self.before(windows.start)

    def __or__(self, other: "Times") -> "Times":
        return union(
            np.concatenate([self.start, other.start]), np.concatenate([self.end, other.end])
        )

    def __and__(self, other: "Times") -> "Times":
        """What lies in both: the edges of each that lie inside the other."""
        start = [self.start[other._holds(self.start)], other.start[self._strictly(other.start)]]
        end = [self.end[other._holds(self.end - 1)], other.end[self._strictly(other.end)]]
        return Times(start=np.sort(np.concatenate(start)), end=np.sort(np.concatenate(end)))

    def __sub__(self, other: "Times") -> "Times":
        """What lies in this set alone: its edges outside the other, and the other's inside it."""
        start = [self.start[~other._holds(self.start)], other.end[self._strictly(other.end)]]
        end = [self.end[~other._holds(self.end - 1)], other.start[self._strictly(other.start)]]
        return Times(start=np.sort(np.concatenate(start)), end=np.sort(np.concatenate(end)))

    def _holds(self, moment: Ns) -> NDArray[np.bool_]:
        """Whether each moment is in the set."""
        if not len(self.start):
            return np.zeros(len(moment), dtype=bool)
        at = np.searchsorted(self.start, moment, side="right") - 1
        return (at >= 0) & (moment < self.end[np.maximum(at, 0)])

    def _strictly(self, moment: Ns) -> NDArray[np.bool_]:
        """Whether each moment is in the set and no edge of it."""
        return self._holds(moment) & self._holds(moment - 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Intervals that may touch, overlap or be empty, such as the windows of steps."""

    start: Ns
    end: Ns

    @property
    def length(self) -> Ns:
        """Of each, ns."""
        return self.end - self.start


def union(start: Ns, end: Ns) -> Times:
    """All moments that lie in at least one interval; empty and reversed ones hold none."""
    some = end > start
    start, end = start[some], end[some]
    if not len(start):
        return NO_TIME
    order = np.argsort(start, kind="stable")
    start, reach = start[order], np.maximum.accumulate(end[order])
    first = np.append(True, start[1:] > reach[:-1])
    last = np.append(first[1:], True)
    return Times(start=start[first], end=reach[last])


def gaps(times: Times, windows: Windows) -> Times:
    """What of the windows lies outside the set; windows may touch, and must not overlap."""
    return union(windows.start, windows.end) - times


NO_TIME: Final = Times(start=np.empty(0, np.int64), end=np.empty(0, np.int64))
