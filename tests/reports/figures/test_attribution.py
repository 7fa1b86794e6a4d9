"""What loading costs: exact sums, and what is told only where intervals allow it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from resnext_bench.reports.figures.attribution import SideRounds, attribute, side_rounds
from resnext_bench.reports.schema.attribution import Attribution, Prediction, SideName
from tests.reports.made_results import made_facts, made_result, made_samples


def side(
    ms: float, *, cores: float | None = 1.0, threads: int = 1, wait_ms: float = 0.0
) -> SideRounds:
    return SideRounds(
        loader_threads=threads,
        block_steps=10,
        step_ms=np.array([ms, ms, ms, ms]),
        wait_ms=np.full(4, wait_ms),
        cores=cores,
    )


def found(sides: dict[SideName, SideRounds], *, cores: int = 2, times: int = 1) -> Attribution:
    """Two batches a step take as long as two real ones, if nothing else is said."""
    double = side(2 * float(sides["real"].step_ms.mean()), cores=None)
    return attribute([{"double": double} | sides] * times, images=32, rank_cores=cores)


def beside(loader: tuple[float, ...]) -> dict[SideName, SideRounds]:
    """Training alone takes 50 ms; the loader's batches take these, a round each."""
    loading = replace(side(1), step_ms=np.array(loader, dtype=float))
    return {"synthetic": side(50), "loader": loading, "real": side(60)}


def rates(one: Attribution) -> dict[str, Prediction]:
    return {prediction.what: prediction for prediction in one.predictions}


def test_a_faster_model_is_what_two_batches_a_step_come_to() -> None:
    one = found(
        {
            "synthetic": side(50),
            "loader": side(30),
            "real": side(60),
            "double": side(80, cores=None),
        }
    )
    prediction = rates(one)["model_twice_as_fast"]
    assert prediction.images_per_s.value == pytest.approx(32e3 / 40)
    assert prediction.loader_bound
    assert prediction.loading_percent
    assert prediction.loading_percent.value == pytest.approx(100 * (50 / 80 - 1))
    assert one.sides[-1].cores == 1
    assert next(each for each in one.sides if each.name == "double").cores is None


def test_other_threads_are_what_they_came_to() -> None:
    sides = {"synthetic": side(50), "loader": side(60), "real": side(66)}
    prediction = rates(found(sides | {"other_threads": side(55, threads=2, cores=None)}))
    more = prediction["loader_threads"]
    assert (more.loader_threads, more.loader_bound) == (2, None)
    assert more.images_per_s.value == pytest.approx(32e3 / 55)
    assert more.gain_percent
    assert more.gain_percent.value == pytest.approx(20)
    assert "loader_threads" not in rates(found(sides))


def test_parts_add_up_to_the_cost() -> None:
    one = found(
        {
            "synthetic": side(50.0, wait_ms=0.5),
            "loader": side(60.0, wait_ms=59.0),
            "real": side(66.0, wait_ms=11.5),
        }
    )
    assert one.cost_ms.value == pytest.approx(16)
    assert one.wait_ms.value == pytest.approx(11)
    assert one.contention_ms.value == pytest.approx(5)
    assert one.bound == "loader"


@pytest.mark.parametrize(
    ("loader", "bound"), [((60, 61, 60, 61), "loader"), ((40, 41, 40, 41), "training")]
)
def test_who_is_longer(loader: tuple[float, ...], bound: str) -> None:
    assert found(beside(loader)).bound == bound


@pytest.mark.parametrize(
    ("loader", "bound"), [((45, 56, 44, 57), "unsure"), ((50, 50.1, 49.9, 50), "even")]
)
def test_as_long_as_training_is_told_only_where_it_is_certain(
    loader: tuple[float, ...], bound: str
) -> None:
    assert found(beside(loader)).bound == bound


@pytest.mark.parametrize(
    ("loader", "bound"),
    [((30, 31, 30, 31), True), ((20, 21, 20, 21), False), ((20, 31, 19, 32), None)],
)
def test_what_bounds_a_faster_model_is_told_by_the_interval(
    loader: tuple[float, ...], bound: bool | None
) -> None:
    assert rates(found(beside(loader)))["model_twice_as_fast"].loader_bound is bound


def test_intervals_are_over_rounds_until_there_are_sessions_enough() -> None:
    """Rounds of a session are alike; sessions are not, and then they are what counts."""
    sessions = []
    for shift in (0.0, 4.0, 8.0):
        made: dict[SideName, SideRounds] = {
            "synthetic": side(50),
            "loader": side(60),
            "real": side(60 + shift),
        }
        sessions.append(made)
    sessions = [made | {"double": side(130, cores=None)} for made in sessions]
    two = attribute(sessions[:2], images=32, rank_cores=2)
    assert (two.replicate, two.replicates) == ("round", 8)
    three = attribute(sessions, images=32, rank_cores=2)
    assert (three.replicate, three.replicates) == ("session", 3)
    assert three.cost_ms.value == pytest.approx(14)
    # Student's t with 2 degrees of freedom at 99 %: 9.925.
    half = 9.925 * 4 / math.sqrt(3)
    assert three.cost_ms.high - three.cost_ms.value == pytest.approx(half, rel=1e-3)


def test_rounds_of_a_side_from_its_steps() -> None:
    """Two ranks, blocks of two steps; the first block does not count, the slower rank does."""
    parts = {"forward_ms": [10] * 6, "backward_ms": [5] * 6, "optimizer_ms": [5] * 6}
    result = made_result(
        made_samples(rank=0, data_wait_ms=[90, 90, 2, 4, 6, 8], **parts),
        made_samples(rank=1, data_wait_ms=[90, 90, 4, 4, 0, 0], **parts),
        facts=[made_facts(0, cpu_busy_s=15.0), made_facts(1, cpu_busy_s=5.0)],
    )
    made = side_rounds(result, 2, loader_threads=3)
    assert made.step_ms.tolist() == [24, 27]
    assert made.wait_ms.tolist() == [3.5, 3.5]
    assert made.cores == 1.0
    assert (made.loader_threads, made.block_steps) == (3, 2)
