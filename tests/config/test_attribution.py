"""When a run tells what loading costs, and when it cannot."""

from typing import Any

import msgspec
import pytest

from resnext_bench.config.attribution import ROUNDS, other_threads
from resnext_bench.config.resolve import DataFacts, resolve
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.reports.schema.config import RunConfig
from tests.machine.made_machines import laptop
from tests.machine.made_members import made_member
from tests.worker.made_training import made_config

MADE = DataFacts(root="/cache/made", classes=8, made=True)


def chosen(**request: Any) -> RunConfig:
    asked = {"pipeline": "torchvision", **request}
    return resolve(asked, laptop(), None if asked["pipeline"] == "synthetic" else MADE).config


@pytest.mark.parametrize(
    ("request_", "rounds"),
    [
        ({}, 0),
        ({"attribute": True}, ROUNDS),
        ({"attribute": False}, 0),
        ({"attribute": True, "attribution_rounds": 4}, 4),
        ({"attribution_rounds": 6}, 6),
        ({"attribution_rounds": 0}, 0),
    ],
)
def test_rounds_follow_from_the_options(request_: dict[str, Any], rounds: int) -> None:
    assert chosen(**request_).attribution_rounds == rounds


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"attribute": True, "attribution_rounds": 0}, "exclude each other"),
        (
            {"attribute": False, "attribution_rounds": 4},
            "--no-attribute and --attribution-r",
        ),
        ({"attribution_rounds": 5}, "give an even number.* 6 is one"),
        ({"attribute": True, "pipeline": "synthetic"}, "--pipeline synthetic loads nothing"),
        ({"attribute": True, "profile": True}, "one at a time"),
    ],
)
def test_options_of_attribution_that_contradict_each_other(
    request_: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        chosen(**request_)


def test_ranks_that_somebody_else_has_started() -> None:
    with pytest.raises(CannotHere, match=r"--attribute: .* has started the ranks"):
        resolve({"pipeline": "torchvision", "attribute": True}, laptop(), MADE, made_member())


def test_batches_from_the_host_need_a_device_to_copy_to() -> None:
    with pytest.raises(UsageError, match="--pipeline host: a CPU has nothing to copy to"):
        resolve({"pipeline": "host"}, laptop(), None)


@pytest.mark.parametrize(
    ("threads", "cores", "other"), [(1, 8, 2), (3, 8, 6), (6, 8, 8), (8, 8, 4), (1, 1, 0)]
)
def test_another_number_of_threads(threads: int, cores: int, other: int) -> None:
    config = msgspec.structs.replace(made_config(), loader_threads=threads, attribution_rounds=2)
    assert other_threads(config, cores) == other
    assert other_threads(made_config(), cores) == 0, "a run that asks nothing of its loader"
