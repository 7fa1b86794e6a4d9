"""Ratios of layouts, and which of many rows are apart."""

import numpy as np
import pytest

from resnext_bench.reports.figures.layouts import adjusted, mean_of, ratio_of
from resnext_bench.reports.schema.layouts import LayoutRow


def row(p: float | None) -> LayoutRow:
    return LayoutRow(
        convolution=0, operation="forward", dtype="fp32", nhwc_us=1.0, nchw_us=1.0, p=p
    )


def test_benjamini_hochberg_over_the_table() -> None:
    found = adjusted([row(p) for p in (0.01, 0.04, None, 0.03, 0.5)])
    # p x rows / rank, made monotonous from the largest on; a row without a ratio does not count.
    assert [one.q for one in found] == [
        pytest.approx(0.04),
        pytest.approx(0.16 / 3),
        None,
        pytest.approx(0.16 / 3),
        pytest.approx(0.5),
    ]
    assert [one.is_apart for one in found] == [True, False, False, False, False]
    assert adjusted([row(None)])[0].q is None


def test_few_of_many_rows_without_a_difference_are_called_apart() -> None:
    draw = np.random.default_rng(7)
    times = np.exp(draw.normal(0, 0.1, (200, 2, 12)))
    found = adjusted([row(ratio_of(nhwc, nchw)[1]) for nhwc, nchw in times])
    assert sum(one.p is not None and one.p < 0.05 for one in found) > 0
    assert sum(one.is_apart for one in found) == 0


def test_a_ratio_is_paired_and_free_of_what_coming_second_costs() -> None:
    draw = np.random.default_rng(1)
    machine = np.exp(draw.normal(0, 0.5, 12))  # what both see
    second = np.resize([1.0, 1.2], 12)
    nhwc, nchw = 0.7 * machine * second, machine * second[::-1]
    ratio, p = ratio_of(list(nhwc), list(nchw))
    assert ratio.value == pytest.approx(0.7)
    assert 0.69 < ratio.low <= ratio.value <= ratio.high < 0.71
    assert p < 1e-6


def test_a_mean_over_rounds_has_an_interval() -> None:
    found = mean_of([1.0, 2.0, 3.0, 2.0])
    assert found.value == pytest.approx(2.0)
    assert found.low < 2.0 < found.high
