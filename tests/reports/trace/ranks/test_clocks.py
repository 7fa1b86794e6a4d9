"""Clocks of ranks whose collectives end together, but for what a busy host scatters."""

import numpy as np
import pytest

from resnext_bench.reports.trace.ranks.clocks import clocks, on_one_clock
from resnext_bench.reports.trace.ranks.matching import Matched
from resnext_bench.reports.trace.ranks.talks import Message


def made(ahead_us: tuple[float, ...], scatter_us: float, count: int = 40) -> Matched:
    """All-reduces 1 ms apart; the ends of each rank are later by so much, and scatter."""
    random = np.random.default_rng(0)
    end = 10**6 * np.arange(1, 1 + count) + 1000 * np.array(ahead_us)[:, None]
    end = (end + 1000 * random.normal(0, scatter_us, end.shape)).astype(np.int64)
    return Matched(
        kind="all-reduce",
        members=tuple(range(len(ahead_us))),
        step=np.ones(count, dtype=np.int64),
        start=end - 1000,
        end=end,
        messages=(Message(kind="all-reduce", name="nccl", group="0"),) * count,
        bytes=np.full(count, -1),
    )


@pytest.mark.parametrize(
    ("ahead_us", "scatter_us", "off"),
    [
        ((0, 60, 80), 45, []),
        ((0, 0, 0, 0), 5, []),
        ((500, 0, 0), 45, [0]),
        ((0, 0, 500), 45, [2]),
        ((0, 0, 500, 0), 1, [2]),
    ],
)
def test_a_clock_is_off_by_more_than_ends_scatter(
    ahead_us: tuple[float, ...], scatter_us: float, off: list[int]
) -> None:
    """Whichever rank the others are compared with: of it alone no scatter is known."""
    found, _ = clocks(len(ahead_us), [made(ahead_us, scatter_us)])
    assert [at for at, one in enumerate(found) if one and one.is_off] == off


def beside(first: tuple[int, int], offset_ns: int, drift_ppm: float, true: np.ndarray) -> Matched:
    """All-reduces of two ranks; of the second's clock it is known how it runs beside the first's,
    which itself may show something else.
    """
    one = true
    other = one + offset_ns + np.rint(drift_ppm * 1e-6 * (one - BASE)).astype(np.int64)
    end = np.array([one, other])
    return Matched(
        kind="all-reduce",
        members=first,
        step=np.ones(len(true), dtype=np.int64),
        start=end - 2_000_000,
        end=end,
        messages=(Message(kind="all-reduce", name="nccl", group=str(first)),) * len(true),
        bytes=np.full(len(true), -1),
    )


BASE = 1_764_000_000 * 10**9
MOMENTS = BASE + 10**9 * np.arange(10, 50)


def test_a_drift_is_that_at_the_other_clocks_moment() -> None:
    """10 s ahead and 100 us faster per s: at its own moment the drift would be 1 ms too long."""
    made_ = beside((0, 1), 10 * 10**9, 100.0, MOMENTS)
    told, origin = clocks(2, [made_])
    start, end = on_one_clock(made_, told, origin)
    assert abs(end[1] - end[0]).max() <= 2
    # Its collectives last 2 ms by its own clock, which is 0.2 us less by the other one.
    assert abs((end[1] - start[1]) - (2_000_000 - 200)).max() <= 2


def test_drifts_of_clocks_that_are_compared_through_others() -> None:
    """Rank 2 is told by rank 1, and that by rank 0: each drift counts from where the clock is."""
    first = beside((0, 1), 20 * 10**9, 200.0, MOMENTS)
    second = beside((1, 2), -5 * 10**9, 100.0, first.end[1])
    told, origin = clocks(3, [first, second])
    (_, one), (_, other) = (on_one_clock(each, told, origin) for each in (first, second))
    assert abs(one[1] - one[0]).max() <= 5
    assert abs(other[1] - other[0]).max() <= 5
    assert abs(other[1] - one[0]).max() <= 5
