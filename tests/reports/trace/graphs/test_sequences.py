"""Sequences that tell the same, as far as each tells anything."""

import numpy as np
import pytest

from resnext_bench.reports.trace.graphs.sequences import alike


@pytest.mark.parametrize(
    ("told", "is_alike"),
    [
        ([], True),
        ([[1, 2]], True),
        ([[1], [2]], False),
        ([[1], [-1]], True),
        ([[1], [-1], [1]], True),
        ([[1], [-1], [2]], False),  # neighbours agree
        ([[-1], [1], [-1], [-1], [2]], False),
        ([[1, -1], [-1, 2], [1, 2]], True),
        ([[1, -1], [-1, 2], [1, 3]], False),
        ([[-1, 0], [-1, -1], [-1, 0]], True),
        ([[1], [1, 1]], False),
    ],
)
def test_all_tell_the_same(told: list[list[int]], is_alike: bool) -> None:
    assert alike([np.array(one, dtype=np.int32) for one in told]) is is_alike
