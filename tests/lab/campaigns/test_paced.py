"""Models whose step is as long as their name says."""

import time

import pytest
import torch

from resnext_bench.lab.campaigns.paced import busy, sleeping


def test_a_step_sleeps_for_as_long_as_its_name_says() -> None:
    model = sleeping.us_30000(num_classes=3)
    start = time.perf_counter()
    logits = model(torch.zeros(2, 3, 8, 8))
    assert time.perf_counter() - start >= 0.03
    assert logits.shape == (2, 3)


def test_the_only_parameter_is_trained() -> None:
    model = busy.times_1(num_classes=3)
    model(torch.zeros(2, 3, 8, 8)).sum().backward()
    [parameter] = model.parameters()
    assert torch.equal(parameter.grad, torch.full((3,), 2.0))


def test_a_name_without_a_number_is_none() -> None:
    with pytest.raises(AttributeError, match="us_long"):
        sleeping.us_long  # noqa: B018
