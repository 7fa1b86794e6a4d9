"""The network against torchvision's, which serves as the oracle here and nowhere else."""

import math
from collections.abc import Iterator

import pytest
import torch
import torchvision
from torch import Tensor, nn

from resnext.model import build
from resnext.spec import parse


def copied(ours: nn.Module, theirs: nn.Module) -> None:
    """Copy parameters and buffers in the order they are registered."""
    source = list(theirs.state_dict().values())
    target = list(ours.state_dict().values())
    assert [value.shape for value in source] == [value.shape for value in target]
    for into, value in zip(target, source, strict=True):
        into.copy_(value)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small layers on busy cores: threads that wait for one another cost more than they bring."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pair() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    theirs = torchvision.models.resnext50_32x4d().double()
    ours = build(parse("resnext50_32x4d")).double()
    for name, buffer in theirs.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.uniform_(0.5, 1.5)
    copied(ours, theirs)
    return ours, theirs


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
    ("name", "theirs"),
    [
        ("resnet50", "resnet50"),
        ("resnet152", "resnet152"),
        ("resnext101_32x8d", "resnext101_32x8d"),
        ("resnext101_64x4d", "resnext101_64x4d"),
    ],
)
def test_state_shapes_as_torchvision(name: str, theirs: str) -> None:
    with torch.device("meta"):
        ours, other = build(parse(name)), torchvision.models.get_model(theirs)
    assert [v.shape for v in ours.state_dict().values()] == [
        v.shape for v in other.state_dict().values()
    ]


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
