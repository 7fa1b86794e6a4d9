"""Sets of time against sets of moments: every ns of a short time is asked one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.trace.time.intervals import NO_TIME, Times, Windows, gaps, union

END = 40
spans = st.lists(st.tuples(st.integers(0, END), st.integers(0, END)), max_size=8)


def times(pairs: list[tuple[int, int]]) -> Times:
    start = np.array([one for one, _ in pairs], dtype=np.int64)
    end = np.array([one for _, one in pairs], dtype=np.int64)
    return union(start, end)


def moments(pairs: list[tuple[int, int]]) -> set[int]:
    return {moment for start, end in pairs for moment in range(start, end)}


def held(found: Times) -> set[int]:
    pairs = list(zip(found.start.tolist(), found.end.tolist(), strict=True))
    flat = [edge for pair in pairs for edge in pair]
    assert flat == sorted(set(flat)), "sorted, disjoint, not touching, none empty"
    return moments(pairs)


@given(spans, spans)
def test_set_operations(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    a, b, left, right = times(one), times(other), moments(one), moments(other)
    assert held(a) == left
    assert held(a | b) == left | right
    assert held(a & b) == left & right
    assert held(a - b) == left - right
    assert a.length == len(left)


@given(spans, st.lists(st.tuples(st.integers(0, END), st.integers(0, END)).map(sorted), max_size=5))
def test_lengths_within_windows(pairs: list[tuple[int, int]], cut: list[list[int]]) -> None:
    windows = Windows(
        start=np.array([one for one, _ in cut], dtype=np.int64),
        end=np.array([one for _, one in cut], dtype=np.int64),
    )
    expected = [len(moments(pairs) & set(range(*one))) for one in cut]
    assert times(pairs).within(windows).tolist() == expected


@given(spans, st.lists(st.integers(0, END), min_size=2, max_size=6).map(sorted))
def test_gaps_are_all_the_rest(pairs: list[tuple[int, int]], edges: list[int]) -> None:
    windows = Windows(start=np.array(edges[:-1]), end=np.array(edges[1:]))
    free = gaps(times(pairs), windows)
    assert held(free) == set(range(edges[0], edges[-1])) - moments(pairs)


@pytest.mark.parametrize("pairs", [[], [(3, 3)], [(9, 2)]])
def test_no_time(pairs: list[tuple[int, int]]) -> None:
    assert times(pairs).length == NO_TIME.length == 0
    assert times(pairs).before(np.array([5])).tolist() == [0]
