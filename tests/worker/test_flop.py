"""Arithmetic of models that are not ours, by hand and against our own calculation."""

import pytest
import torch
import torchvision
from torch import nn

from resnext_bench.resnext.cost import total_flops
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse
from resnext_bench.worker.flop import image_flop
from resnext_bench.worker.training import Training
from tests.worker.made_training import made_config, made_training

IMAGES = torch.randn(2, 3, 8, 8)
FILTERS = 8 * 8 * 2 * 9
"""FLOP of one filter of one channel on an image of 8 x 8."""


def training(module: nn.Module, **options: object) -> Training:
    return made_training(made_config(**options), module)  # type: ignore[arg-type]


class Half(nn.Module):
    """Counted with and without the gradient of its input; `groups` split 12 channels."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 12, 3, padding=1)
        self.second = nn.Conv2d(12, 12, 3, padding=1, groups=groups)
        self.third = nn.ConvTranspose2d(12, 6, 3, padding=1, groups=groups)
        self.last = nn.Linear(6, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.third(self.second(self.first(images)))
        return self.last(maps.mean((2, 3)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("groups", [1, 3, 6])
@pytest.mark.parametrize("dtype", ["none", "bf16"])
def test_by_hand(groups: int, dtype: str) -> None:
    first, second, third = (3 * 12 * FILTERS, *(12 * n // groups * FILTERS for n in (12, 6)))
    flop = 2 * first + 3 * (second + third + 2 * 6 * 5)  # images need no gradient
    assert image_flop(training(Half(groups), amp_dtype=dtype), IMAGES) == flop


def test_frozen_parameters_have_no_gradient() -> None:
    module = Half(1)
    module.first.requires_grad_(False)
    second, third = 12 * 12 * FILTERS, 12 * 6 * FILTERS
    flop = 3 * 12 * FILTERS + 2 * second + 3 * (third + 2 * 6 * 5)
    assert image_flop(training(module), IMAGES) == flop


def test_the_same_network_of_others_costs_the_same() -> None:
    module = torchvision.models.resnext50_32x4d()
    layers = draw(parse("resnext50_32x4d"), 64)
    found = image_flop(training(module), torch.randn(2, 3, 64, 64))
    assert found == total_flops(layers).total


def test_no_parameter_changes_and_no_gradient_is_left() -> None:
    module = Half(2)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    image_flop(training(module), IMAGES)
    assert all(parameter.grad is None for parameter in module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_what_cannot_be_counted_is_left_out() -> None:
    class Once(nn.Linear):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("not a second time")

    assert image_flop(training(Once(2, 2)), IMAGES) is None
