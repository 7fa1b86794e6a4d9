"""What PyTorch's choice costs, and that the best of many plans is not flattered."""

import math
from statistics import fmean

import msgspec
import pytest

from resnext_bench.reports.figures.plan_gaps import (
    floor_us,
    gap_of,
    halves,
    plans_of,
    stability,
    step_gap,
    usual_times,
)
from resnext_bench.reports.schema.convs import Convs
from resnext_bench.reports.schema.plan_times import DeviceMemory, Fault, Times
from tests.reports.made_convs import made_convolution
from tests.reports.made_plan_times import (
    MEMORY,
    ROUNDS,
    made_choice,
    made_plan_times,
    made_problem,
    made_timed_plan,
    samples,
)


def test_a_gap_is_that_of_the_best_plan_to_pytorch_s_limited_choice() -> None:
    problem = made_problem()
    found = gap_of(made_plan_times([problem]), problem)
    assert found
    assert fmean(found.torch_us) == pytest.approx(200)
    assert fmean(found.best_us) == pytest.approx(100)
    assert found.best.tag == "eng3_k2=3"
    assert found.lost.estimate == pytest.approx(math.log(2))
    assert found.times == 2


@pytest.mark.parametrize("rounds", [4, 10, 12])
def test_halves_are_pairs_of_rounds_that_share_none(rounds: int) -> None:
    first, second = halves(rounds)
    assert sorted([*first, *second]) == list(range(rounds))
    for half in (first, second):
        assert all(at + 1 in half for at in half if at % 2 == 0)
    assert len(first) >= len(second) >= 2


def test_few_rounds_have_no_halves() -> None:
    assert halves(2) == ([0, 1], [0, 1])


def test_the_best_of_many_equal_plans_is_not_flattered() -> None:
    """The least mean of 30 plans with a noise of 5 % is 3 % too low; its other half is not."""
    naive, honest = [], []
    for _ in range(30):
        plans = tuple(made_timed_plan(at, 100.0, 0.05) for at in range(30))
        problem = made_problem(plans=plans)
        found = gap_of(made_plan_times([problem]), problem)
        assert found
        honest.append(fmean(found.best_us))
        naive.append(min(fmean(plan.samples_us) for plan in plans))
    assert fmean(naive) < 98
    assert fmean(honest) == pytest.approx(100, abs=1)


def test_slow_plans_and_those_that_pytorch_leaves_out_are_no_rivals() -> None:
    slow = made_timed_plan(4, 1.0, samples_us=samples(1.0, rounds=2))
    blocked = made_timed_plan(5, 1.0, excluded="errata")
    problem = made_problem()
    problem = msgspec.structs.replace(problem, plans=(*problem.plans, slow, blocked))
    found = gap_of(made_plan_times([problem]), problem)
    assert found
    assert found.best.tag == "eng3_k2=3"


def test_nothing_to_compare_is_no_gap() -> None:
    failed = Times(faults=(Fault(kind="raised"),))
    refused = made_choice("limit 10", 1, 1.0, 1, times=failed)
    for problem in (made_problem(choices=(refused,)), made_problem(plans=())):
        assert gap_of(made_plan_times([problem]), problem) is None
        assert step_gap([]) is None


def test_a_step_has_each_problem_as_often_as_the_network() -> None:
    record = made_plan_times()
    found = step_gap([one for each in record.problems if (one := gap_of(record, each))])
    assert found
    assert found.torch_us == pytest.approx(3 * (2 + 1) * 200)
    assert found.best_us == pytest.approx(3 * (2 + 1) * 100)
    floor = floor_us(record, record.convolutions[0])
    assert floor
    assert found.floor_us == pytest.approx(3 * (2 + 1) * floor)


def test_the_floor_is_below_every_measured_rate() -> None:
    conv = made_convolution()
    at_sheet = 1e6 * conv.least_bytes / 4.8e12
    assert floor_us(_with(MEMORY), conv) == pytest.approx(at_sheet)
    faster = DeviceMemory(cache_bytes=0, measured=5e12, documented=4.8e12)
    assert floor_us(_with(faster), conv) == pytest.approx(at_sheet * 4.8 / 5)
    assert floor_us(_with(DeviceMemory(cache_bytes=0)), conv) is None
    dense = made_convolution(groups=1)
    assert floor_us(_with(MEMORY), dense) == pytest.approx(1e6 * dense.flop / 989.4e12)


def _with(memory: DeviceMemory) -> Convs:
    return made_plan_times(memory=memory)


def test_choices_are_matched_by_kernels_without_memsets() -> None:
    problem = made_problem()
    assert [[plan.tag for plan in plans_of(problem, one)] for one in problem.choices] == [
        *(["eng1_k2=1"], ["eng2_k2=2"], ["eng3_k2=3"], ["eng2_k2=2"]),
    ]
    nameless = made_choice("off", 1, 1.0, 1, times=Times(samples_us=(1.0,)))
    assert plans_of(problem, nameless) == []


def test_choices_that_vary_are_counted() -> None:
    choices = tuple(made_choice("limit 10", at, 100.0 + 50 * (at > 1), at) for at in (1, 2, 3))
    (found,) = stability(made_problem(choices=choices))
    assert (found.mode, found.choices, found.kernels) == ("limit 10", 3, 3)
    assert found.spread_percent == pytest.approx(50)


def test_the_usual_time_is_pytorch_s_own_choice() -> None:
    found = usual_times(made_problem())
    assert found
    assert found[1] == "kernel2"
    assert fmean(found[0]) == pytest.approx(200)
    assert len(found[0]) == ROUNDS
    assert usual_times(made_problem(choices=(), plans=())) is None
