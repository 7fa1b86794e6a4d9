"""Adjusted p values: by hand, and what must hold for any."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from resnext_bench.reports.stats.multiple import benjamini_hochberg, holm

Floats = NDArray[np.float64]

P = arrays(np.float64, st.integers(1, 20), elements=st.floats(0, 1))


def test_by_hand() -> None:
    p = np.array([0.03, 0.01, 0.02])
    assert holm(p).tolist() == pytest.approx([0.04, 0.03, 0.04])  # 3·.01, then 2·.02, then .03
    assert benjamini_hochberg(p).tolist() == pytest.approx([0.03, 0.03, 0.03])


@given(P)
def test_adjusting_never_helps_and_holm_is_the_stricter(p: Floats) -> None:
    assert (p <= benjamini_hochberg(p) + 1e-12).all()
    assert (benjamini_hochberg(p) <= holm(p) + 1e-12).all()
    assert (holm(p) <= np.minimum(len(p) * p, 1) + 1e-12).all()


@given(P, st.integers(0, 1000))
def test_the_order_of_cells_changes_nothing(p: Floats, seed: int) -> None:
    turn = np.random.default_rng(seed).permutation(len(p))
    for adjusted in (holm, benjamini_hochberg):
        assert adjusted(p[turn]).tolist() == adjusted(p)[turn].tolist()


@pytest.mark.parametrize("adjusted", [holm, benjamini_hochberg])
@pytest.mark.parametrize("wrong", [[1.1], [-0.1], [np.nan], [[0.1]]])
def test_what_are_no_p_values_is_refused(adjusted: object, wrong: list[object]) -> None:
    assert callable(adjusted)
    with pytest.raises(ValueError, match="p values"):
        adjusted(np.array(wrong))


def test_no_cells_are_fine() -> None:
    assert holm(np.array([])).size == 0
