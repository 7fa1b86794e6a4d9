"""Every optimizer that can be asked for is built, and nothing else in its place."""

from typing import get_args

import pytest
import torch
from torch import nn

from resnext_bench.reports.schema.choices import Optimizer
from resnext_bench.resnext.optimizers import OPTIMIZERS
from resnext_bench.worker.optimizers import build_optimizer


def built(name: Optimizer, momentum: float = 0.9) -> torch.optim.Optimizer:
    parameters = [nn.Parameter(torch.ones(3))]
    return build_optimizer(name, parameters, rate=0.25, momentum=momentum, weight_decay=0.125)


@pytest.mark.parametrize("name", get_args(Optimizer))
def test_the_optimizer_that_was_asked_for(name: Optimizer) -> None:
    found = built(name)
    assert type(found).__name__.lower() == name
    assert (found.defaults["lr"], found.defaults["weight_decay"]) == (0.25, 0.125)
    assert ("nesterov" in found.defaults) is OPTIMIZERS[name].has_momentum


def test_nesterov_needs_momentum() -> None:
    assert built("sgd").defaults["nesterov"] is True
    assert built("sgd", momentum=0.0).defaults["nesterov"] is False


@pytest.mark.parametrize("name", get_args(Optimizer))
def test_states_are_those_that_costs_are_calculated_from(name: Optimizer) -> None:
    parameter = nn.Parameter(torch.ones(3))
    found = build_optimizer(name, [parameter], rate=0.25, momentum=0.9, weight_decay=0.0)
    parameter.sum().backward()
    found.step()
    kept = [one for one in found.state[parameter].values() if getattr(one, "shape", None) == (3,)]
    assert len(kept) == OPTIMIZERS[name].states


def test_no_other_optimizer_takes_the_place_of_an_unknown_one() -> None:
    with pytest.raises(AssertionError):
        built("another")  # type: ignore[arg-type]
