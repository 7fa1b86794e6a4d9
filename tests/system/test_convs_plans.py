"""Plans of the real library for described devices: what holds of them whatever its version."""

from collections.abc import Iterator
from typing import Any

import pytest

from resnext_bench.config.answers import is_installed
from resnext_bench.convs.plans.devices import Described, described, keys
from resnext_bench.convs.plans.planning import Planned, ask, plan, question
from resnext_bench.convs.problems import Asked, of_network
from resnext_bench.reports.schema.convs import Plan
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse
from resnext_bench.resnext.traffic import Dtype

pytestmark = [
    pytest.mark.system,
    pytest.mark.thorough,
    pytest.mark.skipif(
        not is_installed("cudnn"),
        reason="cuDNN's frontend is not installed (pip install --no-deps nvidia-cudnn-frontend)",
    ),
]
OTHERS = (0.5, 2)
"""What an assumed field is multiplied by; 0 becomes 1."""


def grouped(dtype: Dtype = "bf16") -> list[Asked]:
    layers = draw(parse("resnext50_32x4d"), 224)
    return of_network(layers, batch=64, dtype=dtype, layout="nhwc", everything=False)


def lists(found: Planned) -> list[list[tuple[str, int | None]]]:
    return [[(one.tag, one.workspace) for one in each.plans] for each in found.problems]


@pytest.fixture(scope="module")
def h200() -> Planned:
    return plan(grouped(), described("h200").fields)


def test_every_problem_has_plans_that_can_be_built(h200: Planned) -> None:
    assert len(h200.problems) == 21
    for problem in h200.problems:
        assert problem.plans
        assert not problem.why
        tags = [one.tag for one in problem.plans]
        assert len(set(tags)) == len(tags)
        assert all(one.engine is not None for one in problem.plans)
        assert all((one.workspace or 0) >= 0 for one in problem.plans)


def test_mode_a_comes_first(h200: Planned) -> None:
    for problem in h200.problems:
        sources = [one.source for one in problem.plans]
        assert sources == sorted(sources)
        assert sources[0] == "A"


def test_notes_are_known_of_both_kinds_of_plans(h200: Planned) -> None:
    for problem in h200.problems:
        cores = ["tensor_core" in one.notes for one in problem.plans]
        assert any(cores)
        assert not all(cores)


def test_lists_are_the_same_in_every_process(h200: Planned) -> None:
    for _ in range(2):
        assert lists(plan(grouped(), described("h200").fields)) == lists(h200)


def test_nchw_needs_room_for_transposes_somewhere(h200: Planned) -> None:
    def most(plans: tuple[Plan, ...]) -> int:
        return max(one.workspace or 0 for one in plans[:1])

    pairs = zip(h200.problems, h200.others, strict=True)
    assert sum(most(other) > most(mine.plans) for mine, other in pairs) > 10


@pytest.mark.slow
def test_lists_are_the_same_in_twenty_processes(h200: Planned) -> None:
    for _ in range(20):
        assert lists(plan(grouped(), described("h200").fields)) == lists(h200)


@pytest.mark.slow
@pytest.mark.parametrize("key", keys())
def test_which_assumed_fields_change_lists_is_told(key: str) -> None:
    device = described(key)
    usual = _planned(device.fields)
    changing = {name for name, fields in _varied(device) if _planned(fields) != usual}
    assert changing == set(device.decisive)


def _planned(fields: dict[str, Any]) -> list[list[tuple[str, int | None]]]:
    """Plans and workspaces of all problems in both types, without notes, which take longest."""
    problems = [
        question(one.convolution, operation) | {"notes": ()}
        for one in (*grouped(), *grouped("fp32"))
        for operation in one.operations
    ]
    found = ask({"devices": [fields], "problems": problems})
    return [[(plan.tag, plan.workspace) for plan in one.plans] for one in found.problems]


def _varied(device: Described) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in device.assumed:
        value = device.fields[name]
        for other in {int(value * factor) for factor in OTHERS} if value else {1}:
            yield name, device.fields | {name: other}
