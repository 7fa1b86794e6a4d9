"""Clocks of ranks whose collectives end together, but for what a busy host scatters."""

import numpy as np
import pytest

from resnext_bench.reports.trace.ranks.clocks import clocks
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
