"""Every optimizer that can be asked for has its costs."""

from typing import get_args

import pytest

from resnext_bench.reports.schema.choices import Optimizer as Word
from resnext_bench.resnext.optimizers import OPTIMIZERS, Update


def test_all_that_can_be_asked_for() -> None:
    assert set(OPTIMIZERS) == set(get_args(Word))


@pytest.mark.parametrize(
    ("name", "decay", "momentum", "at_once", "copies"),
    [
        ("sgd", False, False, False, 0),
        ("sgd", True, True, False, 2),
        ("sgd", True, True, True, 1),
        ("adamw", True, True, True, 1),
        ("adamw", False, False, False, 2),
    ],
)
def test_copies_of_an_update(
    name: str, decay: bool, momentum: bool, at_once: bool, copies: int
) -> None:
    update = Update(weight_decay=decay, momentum=momentum, is_at_once=at_once)
    assert OPTIMIZERS[name].copies(update) == copies
