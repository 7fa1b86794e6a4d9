"""Rates of loaders, and the fewest threads that are enough."""

import numpy as np
import pytest

from resnext_bench.reports.figures.loaders import knees_of, rate_of
from tests.reports.made_loaders import made_bench, rate, setting


def test_a_rate_is_images_over_time() -> None:
    found = rate_of(setting(2), np.array([100.0, 100.0, 100.0, 100.0]), 64, 1.5)
    assert found.images_per_s.value == pytest.approx(640)
    assert found.rounds == (640, 640, 640, 640)
    assert found.images_per_s.low <= 640 <= found.images_per_s.high


def test_knees_by_pipeline() -> None:
    dali, torchvision = made_bench().knees
    assert (dali.setting.loader_threads, dali.is_inside) == (4, True)
    assert dali.of_best == pytest.approx(1900 / 1950, abs=1e-3)
    assert (torchvision.setting.loader_threads, torchvision.is_inside) == (8, False)


def test_places_of_decoding_have_their_own_knees() -> None:
    rates = [rate(500, setting(1)), rate(5000, setting(1, decode="mixed"))]
    assert [knee.setting.decode for knee in knees_of(rates)] == ["cpu", "mixed"]


def test_more_threads_that_hurt_are_no_knee() -> None:
    """The best rate is at 2 threads: 4 are slower, and 1 is not enough."""
    rates = [rate(value, setting(n)) for n, value in ((1, 500), (2, 1000), (4, 800))]
    (knee,) = knees_of(rates)
    assert (knee.setting.loader_threads, knee.of_best, knee.is_inside) == (2, 1.0, True)
