"""What the watch asks, and how its cost is counted; no time is measured here."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from resnext_bench.lab.bench.monitor import LIMIT_PERCENT, Cost, cost_of, told
from resnext_bench.lab.bench.watch_beside import DOSE, FRESH_S, is_training, made_watch
from resnext_bench.machine.gpu.track import SELDOM
from resnext_bench.rankfile import Mark, RankFile
from resnext_bench.reports.schema.interval import Range
from tests.reports.made_comparisons import made_comparison


class CpuClock:
    """Each question takes a millisecond of it."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def spend(self) -> None:
        self.now_s += 1e-3

    def __call__(self) -> float:
        return self.now_s


def counted(samples: int, pids: Sequence[int] = ()) -> Cost:
    clock = CpuClock()
    return cost_of(made_watch(clock.spend, pids), samples, clock)


def test_four_questions_a_sample_and_three_now_and_then() -> None:
    # 10 samples take 5 s of a run; one of four asks three questions more.
    asked = 4 * 10 + 3 * 3
    assert counted(10).core_percent == pytest.approx(100 * asked * 1e-3 / 5)
    assert SELDOM == 4


def test_the_cost_is_under_the_limit_on_two_cores() -> None:
    """The least that a GPU has; a question of 1 ms that is all CPU time is the assumption."""
    cost = counted(400)
    assert cost.core_percent == pytest.approx(0.95)
    assert cost.of_cores(2) < LIMIT_PERCENT


def test_a_process_of_before_is_a_question_more() -> None:
    """The run is then in doubt anyhow; without this one the limit would hold no question more."""
    cost = counted(400, pids=[7])
    assert cost.core_percent == pytest.approx(1.15)
    assert cost.of_cores(2) > LIMIT_PERCENT


@pytest.mark.parametrize(
    ("low", "high", "code"),
    [(-0.2, 0.3, 0), (-0.2, 0.5, 3), (0.4, 0.9, 3), (0.5, 0.9, 1), (-3.0, -1.0, 0)],
)
def test_what_the_duet_says(low: float, high: float, code: int) -> None:
    change = Range(
        percent=DOSE * (low + high) / 2,
        low_percent=DOSE * low,
        high_percent=DOSE * high,
        confidence_percent=99.0,
    )
    text, found = told(made_comparison(change=change))
    assert found == code
    assert f"interval {low:+.2f} to {high:+.2f} %" in text


def test_a_duet_without_an_answer() -> None:
    text, code = told(made_comparison(change=None, verdict="invalid", why="too busy"))
    assert (text, code) == ("invalid: too busy", 3)


def test_only_ranks_that_train_are_watched(tmp_path: Path) -> None:
    path = tmp_path / "rank-0.bin"
    assert not is_training(path, 0)
    file = RankFile.create(path, rank=0, pid=1, warm_up=1, steps=3)
    assert not is_training(path, 10**9)
    file.marks[0, Mark.OPTIMIZER] = 10**9
    fresh_ns = int(1e9 * FRESH_S)
    assert is_training(path, 10**9 + fresh_ns - 1)
    assert not is_training(path, 10**9 + fresh_ns)
