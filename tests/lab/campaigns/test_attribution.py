"""Models of a known pace, and whose queues are taken to be full."""

import pytest

from resnext_bench.config.lookup import require_found
from resnext_bench.config.models import require_model
from resnext_bench.lab.campaigns.attribution import full_in, model_of

NAMES = ["synthetic", "loader", "real", "real half", "real threads", "double", "other_threads"]
REST_MS = [60.0] * 5


@pytest.mark.parametrize(
    ("loader_ms", "expected"),
    [
        (60.0, set()),
        (50.0, set()),
        (30.0, {"real", "real threads", "other_threads"}),
        (20.0, {"real", "real threads", "other_threads", "real half", "double"}),
    ],
)
def test_a_faster_loader_is_ahead(loader_ms: float, expected: set[str]) -> None:
    full = full_in(NAMES)
    assert {NAMES[place] for place in full([50.0, loader_ms, *REST_MS])} == expected


@pytest.mark.parametrize("kind", ["sleeping", "busy"])
def test_the_models_can_be_named_as_a_users_can(kind: str) -> None:
    model = model_of(kind, 20.0)
    require_model(model)
    require_found(model)


def test_sides_that_are_not_there_are_not_named() -> None:
    assert full_in(["loader", "synthetic"])([1.0, 50.0]) == []
