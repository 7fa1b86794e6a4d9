"""Trees of rows against a stack of what is open, row by row."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.trace.reading.trace import Host
from resnext_bench.reports.trace.time.nest import inherited, nearest, parents, self_times, topmost

rows = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 12)), max_size=24
).map(lambda found: sorted(found, key=lambda row: (row[0], row[1], -row[2])))


def host(found: list[tuple[int, int, int]]) -> Host:
    """Rows of (thread, start, duration), as they are read: by thread and start, longest first."""
    thread, start, duration = np.array(found, dtype=np.int64).reshape(-1, 3).T
    none = np.full(len(found), -1, dtype=np.int32)
    return Host(
        start=start,
        duration=duration,
        name=none,
        kind=none.astype(np.int8),
        key=none.astype(np.int64),
        thread=thread.astype(np.int32),
        sequence=none,
        forward_thread=none.astype(np.int16),
        conv=none,
    )


def stacked(found: list[tuple[int, int, int]]) -> list[int]:
    """The innermost row that is still open; one without duration may stand at another's end."""
    above, open_ = [], list[int]()
    for number, (thread, start, duration) in enumerate(found):
        while open_ and not _holds(found[open_[-1]], thread, start, duration):
            open_.pop()
        above.append(open_[-1] if open_ else -1)
        open_.append(number)
    return above


def _holds(row: tuple[int, int, int], thread: int, start: int, duration: int) -> bool:
    end = row[1] + row[2]
    return row[0] == thread and (end > start or end >= start + duration)


@given(rows)
def test_parents(found: list[tuple[int, int, int]]) -> None:
    assert parents(host(found)).tolist() == stacked(found)


@given(rows, st.data())
def test_values_from_above(found: list[tuple[int, int, int]], data: st.DataObject) -> None:
    own = data.draw(st.lists(st.integers(-1, 3), min_size=len(found), max_size=len(found)))
    above = stacked(found)
    values = np.array(own, dtype=np.int32)
    line = [_line(row, above) for row in range(len(found))]
    told = [[own[one] for one in way if own[one] >= 0] or [-1] for way in line]
    tree = parents(host(found))
    assert inherited(values, tree).tolist() == [one[0] for one in told]
    some = np.array([*range(len(found)), -1], dtype=np.int32)[::-2]
    assert nearest(values, tree, some).tolist() == [
        told[row][0] if row >= 0 else -1 for row in some
    ]
    assert topmost(values, tree).tolist() == [one[-1] for one in told]


def _line(row: int, above: list[int]) -> list[int]:
    return [row, *_line(above[row], above)] if row >= 0 else []


@given(rows)
def test_self_times_are_a_row_without_its_children(found: list[tuple[int, int, int]]) -> None:
    above = stacked(found)
    expected = [duration for _, _, duration in found]
    for row, parent in enumerate(above):
        if parent >= 0:
            _, start, duration = found[row]
            expected[parent] -= min(start + duration, sum(found[parent][1:])) - start
    assert self_times(host(found), parents(host(found))).tolist() == expected


def test_deep_and_long() -> None:
    """A million siblings below one row, and ten thousand rows one in another."""
    count = 1_000_000
    flat = [(0, 0, 2 * count), *((0, 2 * number, 1) for number in range(count))]
    assert set(parents(host(flat)).tolist()) == {-1, 0}
    deep = [(0, number, 30_000 - 2 * number) for number in range(10_000)]
    assert parents(host([*deep, (0, 40_000, 1)])).tolist() == [*range(-1, 9_999), -1]
