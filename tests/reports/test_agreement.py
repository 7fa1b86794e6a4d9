"""`run` and `compare` tell one story: images/s of two sides, and the interval of the verdict."""

from math import exp

import numpy as np
import pytest

from resnext_bench.lab.calibration.profiles import (
    HOSTILE,
    QUIET,
    SHARED,
    Slow,
    duet_sessions,
    with_slow,
)
from resnext_bench.reports.figures.window import figures_of, window_of
from resnext_bench.reports.schema.comparison import Pair
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.reports.verdicts.pairs import of_duet, of_launches
from tests.reports.made_comparisons import judged
from tests.reports.made_results import even_samples, made_result

SESSIONS = 6
OWN = (
    Slow(ratio=6, every=4),
    Slow(ratio=3, every=10),
    Slow(ratio=10, every=50),
    Slow(ratio=1.5, share=0.3, both=True),
    Slow(ratio=1.0, every=2),
)


def made_pairs(seed: int) -> tuple[list[Pair], float]:
    """Sessions of a comparison, and the ratio of the images/s of all of them, a over b."""
    rng = np.random.default_rng(seed)
    profile, slow = (QUIET, SHARED, HOSTILE)[seed % 3], OWN[seed % 5]
    times = with_slow(duet_sessions(profile, SESSIONS, rng), slow, rng)
    times[:, 1] += rng.normal(0, 0.05)
    found, rates = [], []
    for number, session in enumerate(times, 1):
        sides = [_result(side.ravel()) for side in session]
        measured = of_duet(*sides, 10) if seed % 2 else of_launches(*sides, 0, 0)
        rates.append([window_of(side, 10 if seed % 2 else 0) for side in sides])
        found.append(
            Pair(
                number=number,
                order="ab" if number % 2 else "ba",
                started="",
                log_ratio=measured.log_ratio,
                middle_log_ratio=measured.middle_log_ratio,
                blocks_ms=measured.blocks_ms,
                step_ms=measured.step_ms,
            )
        )
    a, b = (figures_of(side, batch_size=8, devices=1) for side in zip(*rates, strict=True))
    return found, a.images_per_s / b.images_per_s


def _result(log_times: np.ndarray) -> SessionResult:
    return made_result(even_samples(0, [round(1000 * exp(time)) for time in log_times]))


@pytest.mark.parametrize("first", range(0, 50, 10))
def test_the_ratio_of_images_per_second_lies_in_the_interval(first: int) -> None:
    """Of 50 made comparisons, with slow steps of one side and of both, or none."""
    for seed in range(first, first + 10):
        pairs, ratio = made_pairs(seed)
        found = judged(pairs, "duet" if seed % 2 else "relaunch").decision
        assert found is not None
        assert exp(found.interval.low) <= ratio <= exp(found.interval.high), seed
