"""The benchmark's own arithmetic."""

import numpy as np
import pytest

from resnext_bench.lab.bench.intervals import cost_of, ratio_of


def made(ratio: float, spread: float, sessions: int = 8) -> list[list[tuple[float, float]]]:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, spread, (sessions, 40))
    return [[(ratio * float(np.exp(x)), 1.0) for x in row] for row in noise]


@pytest.mark.parametrize(
    ("ratio", "spread", "verdict"),
    [(1.0, 0.005, "within"), (1.03, 0.005, "outside"), (1.0, 0.2, "can't tell")],
)
def test_verdict(ratio: float, spread: float, verdict: str) -> None:
    found = ratio_of(made(ratio, spread))
    assert found.verdict == verdict
    assert found.low < ratio < found.high


def test_sides_swapped_give_the_inverse() -> None:
    sessions = made(1.02, 0.01)
    swapped = [[(b, a) for a, b in pairs] for pairs in sessions]
    assert ratio_of(swapped).estimate == pytest.approx(1 / ratio_of(sessions).estimate)


def test_cost_by_hand() -> None:
    found = cost_of([[(1.002, 1.0)], [(1.004, 1.0)]], steps=100)
    assert found.estimate_us == pytest.approx(30)
    assert found.low_us < 20 < 40 < found.high_us
