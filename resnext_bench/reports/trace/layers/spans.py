"""Which of some intervals is the innermost one around a row of its thread."""

from dataclasses import dataclass

import numpy as np

from resnext_bench.reports.trace.reading.trace import Host, Ids, Modules, Ns
from resnext_bench.reports.trace.time.nest import parents


@dataclass(frozen=True, kw_only=True, eq=False)
class Spans:
    """Intervals of threads, by thread and start, those that enclose others first."""

    thread: Ids
    start: Ns
    end: Ns
    parent: Ids
    """The interval that encloses each one, the innermost; -1: none."""

    def __len__(self) -> int:
        return len(self.start)

    def around(self, rows: Host | Modules) -> Ids:
        """Return the innermost interval that each row begins and ends in; -1: in none.

        A row that begins later than an interval and outlasts it, as rounded time stamps have it, is
        in it, too. A row may be one of the intervals: it is then in itself.
        """
        found = np.full(len(rows), -1, dtype=np.int32)
        for thread in np.unique(self.thread):
            first, last = np.searchsorted(rows.thread, [thread, thread + 1])
            found[first:last] = self._at(thread, rows.start[first:last])
        return self._climbed(found, rows)

    def _at(self, thread: np.int32, moments: Ns) -> Ids:
        """Return the innermost interval of a thread at each moment.

        It changes where one begins, and where one ends: then it is the one around that.
        """
        first, last = np.searchsorted(self.thread, [thread, thread + 1])
        mine = np.arange(first, last, dtype=np.int32)
        mine = mine[self.end[mine] > self.start[mine]]
        when = np.concatenate([self.start[mine], self.end[mine]])
        then = np.concatenate([mine, self.parent[mine]])
        begins = np.repeat([True, False], len(mine))
        # At one moment ends come first, those of inner ones before outer ones; begins behind.
        inner = np.concatenate([mine, -mine])
        order = np.lexsort((inner, begins, when))
        at = np.searchsorted(when[order], moments, side="right") - 1
        return np.append(then[order], np.int32(-1))[at]  # before the first one `at` is -1

    def _climbed(self, found: Ids, rows: Host | Modules) -> Ids:
        """Return an interval further out where the one that was found does not hold the row."""
        open_ = np.flatnonzero(found >= 0)
        while open_.size:
            at = found[open_]
            ended = self.end[at] <= rows.start[open_]
            ended &= self.start[at] < rows.start[open_]
            longer = (self.start[at] == rows.start[open_]) & (self.end[at] < rows.end[open_])
            open_ = open_[ended | longer]
            found[open_] = self.parent[found[open_]]
            open_ = open_[found[open_] >= 0]
        return found


def spans(rows: Host | Modules) -> Spans:
    """Return rows of threads as intervals."""
    return Spans(thread=rows.thread, start=rows.start, end=rows.end, parent=parents(rows))
