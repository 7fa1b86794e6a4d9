"""The network against torchvision's, which serves as the oracle here and nowhere else."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import timm
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from resnext_bench.lab.networks import multiply_adds, parameters
from resnext_bench.resnext.modules.build import build
from resnext_bench.resnext.modules.residual import Bottleneck
from resnext_bench.resnext.names import parse
from resnext_bench.resnext.spec import BlockSpec, ResNeXtSpec


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small layers on busy cores: threads that wait for one another cost more than they bring."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(
    scope="module",
    params=["resnext26_32x4d", pytest.param("resnext50_32x4d", marks=pytest.mark.slow)],
)
def pair(request: pytest.FixtureRequest) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    spec = parse(request.param)
    assert isinstance(spec, ResNeXtSpec)
    theirs = torchvision_resnet(spec).double()
    ours = build(spec).double()
    for name, buffer in theirs.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.uniform_(0.5, 1.5)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def torchvision_resnet(spec: ResNeXtSpec) -> nn.Module:
    """Return torchvision's network of that many blocks, groups and channels in each."""
    return torchvision.models.ResNet(
        torchvision.models.resnet.Bottleneck,
        list(spec.blocks),
        groups=spec.cardinality,
        width_per_group=spec.width,
    )


def through(model: nn.Module, images: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return the logits [batch, classes] and the gradient of every parameter, in order."""
    logits: Tensor = model(images)
    loss = nn.functional.cross_entropy(logits, torch.arange(len(images)))
    return logits.detach(), list(torch.autograd.grad(loss, list(model.parameters())))


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_same_maths_as_torchvision(pair: tuple[nn.Module, nn.Module], training: bool) -> None:
    images = torch.randn(3, 3, 49, 49, dtype=torch.float64)
    (logits, grads), (expected, expected_grads) = (
        through(model.train(training), images) for model in pair
    )
    torch.testing.assert_close(logits, expected, rtol=1e-9, atol=1e-11)
    assert len(grads) == len(list(pair[0].parameters()))
    for grad, other in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(grad, other, rtol=1e-7, atol=1e-11)
    for ours, theirs in zip(pair[0].buffers(), pair[1].buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_parameter_count() -> None:
    with torch.device("meta"):
        model = build(parse("resnext50_32x4d"))
    assert sum(p.numel() for p in model.parameters()) == 25_028_904


@pytest.mark.parametrize(
    "name",
    [
        "resnet50",
        "resnet101",
        "resnet152",
        "resnext50_32x4d",
        "resnext101_32x8d",
        "resnext101_64x4d",
    ],
)
def test_state_of_torchvision_and_back(name: str) -> None:
    """Names, shapes and order, without a prefix or a table between them."""
    with torch.device("meta"):
        ours, theirs = build(parse(name)), torchvision.models.get_model(name)
    assert shapes(ours) == shapes(theirs)
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())


@pytest.mark.parametrize("name", ["resnet50", "resnext50_32x4d", "resnext101_32x4d"])
def test_state_of_timm(name: str) -> None:
    with torch.device("meta"):
        assert shapes(build(parse(name))) == shapes(timm.create_model(name))


@pytest.mark.slow
@settings(max_examples=20)
@given(st.sampled_from([14, 26, 50]), st.integers(1, 40), st.integers(1, 40))
def test_every_cardinality_and_width_as_torchvision(
    depth: int, cardinality: int, width: int
) -> None:
    assert_as_torchvision(f"resnext{depth}_{cardinality}x{width}d")


@pytest.mark.slow
@settings(max_examples=10)
@given(st.sampled_from([101, 152]), st.integers(1, 40), st.integers(1, 40))
def test_deep_networks_as_torchvision(depth: int, cardinality: int, width: int) -> None:
    assert_as_torchvision(f"resnext{depth}_{cardinality}x{width}d")


def assert_as_torchvision(name: str, size: int = 64) -> None:
    """Compare shapes, names, parameters and multiply-adds."""
    spec = parse(name)
    assert isinstance(spec, ResNeXtSpec)
    with torch.device("meta"):
        theirs = torchvision_resnet(spec)
        assert shapes(build(spec)) == shapes(theirs)
    assert sum(one.numel() for one in theirs.parameters()) == parameters(spec)
    with FlopCounterMode(display=False) as counter:
        theirs(torch.empty(1, 3, size, size, device="meta"))
    assert counter.get_total_flops() == 2 * multiply_adds(spec, size)


def test_one_seed_draws_the_weights_of_torchvision() -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.resnext50_32x4d().state_dict()
    torch.manual_seed(0)
    ours = build(parse("resnext50_32x4d")).state_dict()
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())


def shapes(model: nn.Module) -> list[tuple[str, torch.Size]]:
    return [(name, value.shape) for name, value in model.state_dict().items()]


def through_both(ours: nn.Module, theirs: nn.Module) -> None:
    """Equal logits and gradients on one batch."""
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    (logits, grads), (expected, others) = (through(one.train(), images) for one in (ours, theirs))
    torch.testing.assert_close(logits, expected, rtol=1e-9, atol=1e-11)
    for grad, other in zip(grads, others, strict=True):
        torch.testing.assert_close(grad, other, rtol=1e-7, atol=1e-11)


class FirstStride(torchvision.models.resnet.Bottleneck):
    """ResNet v1, out of torchvision's parts."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.conv1.stride, self.conv2.stride = self.conv2.stride, self.conv1.stride


def test_v1_strides_in_the_first_1x1() -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.ResNet(FirstStride, [1, 1, 1, 1]).double()
    spec = ResNeXtSpec(name="v1", blocks=(1, 1, 1, 1), cardinality=1, width=64, stride_place="1x1")
    ours = build(spec).double()
    ours.load_state_dict(theirs.state_dict())
    through_both(ours, theirs)


def test_plain_is_the_branch_alone() -> None:
    block = BlockSpec(in_channels=8, group_channels=4, out_channels=8, groups=2, stride=1)
    plain, residual = (Bottleneck(replace(block, shortcut=kept)) for kept in (False, True))
    residual.load_state_dict(plain.state_dict())
    images = torch.randn(2, 8, 5, 5)
    branch = plain.bn3(plain.conv3(_activated(plain, images)))
    torch.testing.assert_close(plain(images), branch.relu())
    torch.testing.assert_close(residual(images), (branch + images).relu())


def _activated(block: Bottleneck, images: Tensor) -> Tensor:
    x = block.bn1(block.conv1(images)).relu()
    return block.bn2(block.conv2(x)).relu()


def test_cifar_keeps_the_size_of_its_images() -> None:
    spec = parse("resnext29_2x4d")
    model = build(spec)
    sizes: list[int] = []
    for name in ("conv1", "layer1", "layer2", "layer3"):
        model.get_submodule(name).register_forward_hook(
            lambda module, inputs, output: sizes.append(output.shape[-1])
        )
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert sizes == [32, 32, 16, 8]


def test_initial_weights() -> None:
    torch.manual_seed(0)
    model = build(parse("resnext14_32x4d"))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            expected = math.sqrt(2 / (module.kernel_size[0] ** 2 * module.out_channels))
            assert module.weight.std().item() == pytest.approx(expected, rel=0.1)
            assert module.bias is None
        elif isinstance(module, nn.BatchNorm2d):
            assert bool((module.weight == 1).all())
            assert bool((module.bias == 0).all())


def test_classes_may_be_replaced() -> None:
    model = build(parse("resnext14_2x8d"), classes=8)
    assert model.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 8)
    with pytest.raises(ValueError, match="classes is 0"):
        build(parse("resnext14_2x8d"), classes=0)
