"""The convolutions of any module, seen while it works."""

import pytest
import torch
from torch import nn

from resnext_bench.worker.models import ModelError
from resnext_bench.worker.shapes import account, convolutions_of


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, stride=2, padding=1, groups=3)
        self.weight = nn.Parameter(torch.zeros(4, 6, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.conv2d(self.conv(images), self.weight)


def test_each_call_is_named_after_the_innermost_module() -> None:
    found = convolutions_of(nn.Sequential(Inner(), nn.ConvTranspose2d(4, 2, 3)), 8)
    assert [one.layer for one in found] == ["0.conv", "0", "1"]
    first, second, last = found
    assert (first.images, first.weights) == ((2, 3, 8, 8), (6, 1, 3, 3))
    assert (first.stride, first.padding, first.groups) == ((2, 2), (1, 1), 3)
    assert (second.images, second.weights) == ((2, 6, 4, 4), (4, 6, 1, 1))
    assert [one.is_transposed for one in found] == [False, False, True]
    assert last.images == (2, 4, 4, 4)


def test_the_layer_that_reads_the_images_is_known() -> None:
    found = convolutions_of(nn.Sequential(Inner(), nn.BatchNorm2d(4)), 8)
    assert [one.reads_images for one in found] == [True, False]


def test_hooks_are_gone_afterwards() -> None:
    module = Inner()
    convolutions_of(module, 8)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_what_a_model_raises_is_told_with_its_kind_and_place() -> None:
    """The line that matters is the user's, though torch raised the error."""
    code = compile("\n\ntorch.ones(2) @ torch.ones(3)\n", "/models/nets.py", "exec")
    with pytest.raises(RuntimeError) as raised:
        exec(code, {"torch": torch})
    told = account(raised.value)
    assert told.startswith("RuntimeError: ")
    assert told.endswith("(nets.py, line 3)")
    assert account(ValueError()) == "ValueError"
    assert account(ModelError("nets:Net", "no")) == "--model nets:Net: no"
