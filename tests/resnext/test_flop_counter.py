"""FLOPs against PyTorch's FlopCounterMode, and where that one errs."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from resnext_bench.lab.networks import training_flops
from resnext_bench.resnext.cost import flops, total_flops
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.layers import IMAGES, Layer, Map
from resnext_bench.resnext.modules.build import build
from resnext_bench.resnext.names import names, parse
from tests.resnext.deep import deep_ones_slow


def counted(model: nn.Module, image_size: int) -> tuple[int, int]:
    """FLOP of forward and backward on one image, without computing anything."""
    with FlopCounterMode(display=False) as counter:
        logits = model(torch.empty(1, 3, image_size, image_size, device="meta"))
    forward = counter.get_total_flops()
    with FlopCounterMode(display=False) as counter:
        logits.sum().backward()
    return forward, counter.get_total_flops()


@pytest.mark.parametrize("name", deep_ones_slow(names()))
def test_forward_of_every_network(name: str) -> None:
    spec = parse(name)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        build(spec)(torch.empty(1, 3, spec.image_size, spec.image_size))
    total = total_flops(draw(spec, spec.image_size))
    assert counter.get_total_flops() == total.forward


@pytest.mark.parametrize(
    "name", deep_ones_slow(["resnet50", "resnet152", "googlenet", "alexnet_ungrouped"])
)
def test_backward_without_groups(name: str) -> None:
    spec = parse(name)
    with torch.device("meta"):
        model = build(spec)
    total = total_flops(draw(spec, spec.image_size))
    forward, backward = counted(model, spec.image_size)
    assert (forward, backward) == (total.forward, total.input_gradient + total.weight_gradient)


@pytest.mark.parametrize(("groups", "stride"), [(2, 1), (4, 2), (32, 1)])
def test_backward_of_groups_as_of_separate_convolutions(groups: int, stride: int) -> None:
    channels, size = 128, 14
    each = channels // groups
    backward = 0
    for _ in range(groups):
        conv = nn.Conv2d(each, each, 3, stride, padding=1, bias=False, device="meta")
        images = torch.empty(1, each, size, size, device="meta", requires_grad=True)
        with FlopCounterMode(display=False) as counter:
            conv(images).sum().backward()
        backward += counter.get_total_flops()
    layer = Layer(
        name="conv2",
        kind="conv",
        reads=(0,),
        entering=Map(channels=channels, size=size),
        leaving=Map(channels=channels, size=size // stride),
        kernel=3,
        stride=stride,
        groups=groups,
    )
    assert flops(layer).total == backward
    assert layer.reads != (IMAGES,)


def test_flop_counter_errs_with_groups() -> None:
    """It counts the weight gradient of 32 groups 32 times.

    When this fails it has been repaired: then let `test_backward_without_groups` have groups too.
    """
    spec = parse("resnext50_32x4d")
    with torch.device("meta"):
        model = build(spec)
    theirs = sum(counted(model, 224)) / 1e9
    ours = training_flops(spec, 224) / 1e9
    assert (round(theirs, 2), round(ours, 3)) == (39.48, 25.147)
    grouped = [layer for layer in draw(spec, 224) if layer.groups > 1]
    extra = sum((layer.groups - 1) * flops(layer).weight_gradient for layer in grouped) / 1e9
    assert theirs == pytest.approx(ours + extra)
