"""AlexNet and GoogLeNet: what makes them the papers' and no others."""

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from resnext_bench.resnext.modules.alexnet import LRN, AlexNet
from resnext_bench.resnext.modules.build import build
from resnext_bench.resnext.modules.googlenet import GoogLeNet, InceptionModule
from resnext_bench.resnext.names import parse
from resnext_bench.resnext.relatives import AlexNetSpec, GoogLeNetSpec, Inception


def halves(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """A convolution of two groups as the two towers compute it, on a GPU each."""
    assert layer.bias is not None
    return torch.cat(
        [
            functional.conv2d(part, weight, bias, layer.stride, layer.padding)
            for part, weight, bias in zip(
                x.chunk(2, 1), layer.weight.chunk(2), layer.bias.chunk(2), strict=True
            )
        ],
        dim=1,
    )


def test_groups_are_towers() -> None:
    torch.manual_seed(0)
    model = AlexNet(AlexNetSpec())
    assert [layer.groups for layer in convs(model)] == [1, 2, 1, 2, 2]
    for layer in (model.conv2, model.conv4, model.conv5):
        x = torch.randn(2, layer.in_channels, 9, 9)
        torch.testing.assert_close(layer(x), halves(x, layer))
    ungrouped = build(parse("alexnet_ungrouped"))
    assert [layer.groups for layer in convs(ungrouped)] == [1] * 5


def convs(model: nn.Module) -> list[nn.Conv2d]:
    return [one for one in model.modules() if isinstance(one, nn.Conv2d)]


def test_local_response_norm_is_the_papers() -> None:
    """Section 3.3: a / (2 + 1e-4 x the sum of squares over 5 channels)^0.75."""
    a = torch.randn(1, 7, 2, 2, dtype=torch.float64) * 100
    expected = torch.empty_like(a)
    for channel in range(7):
        near = a[:, max(0, channel - 2) : channel + 3]
        expected[:, channel] = a[:, channel] / (2 + 1e-4 * near.square().sum(1)) ** 0.75
    torch.testing.assert_close(nn.LocalResponseNorm(**LRN)(a), expected)


def test_weights_of_alexnet() -> None:
    torch.manual_seed(0)
    model = AlexNet(AlexNetSpec())
    biases = [layer.bias for layer in model.children() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert [bias[0].item() for bias in biases if bias is not None] == [0, 1, 0, 1, 1, 1, 1, 0]
    assert model.fc7.weight.std().item() == pytest.approx(0.01, rel=0.01)


def test_inception_concatenates_its_branches() -> None:
    module = InceptionModule(
        Inception(name="one", direct=2, reduce3=4, out3=4, reduce5=2, out5=2, pool=3), 8, groups=2
    )
    assert (module.conv3.groups, module.conv5.groups) == (2, 2)
    assert (module.conv3.kernel_size, module.conv5.kernel_size) == ((3, 3), (5, 5))
    assert module(torch.zeros(1, 8, 6, 6)).shape == (1, 11, 6, 6)


def test_widths_are_torchvisions() -> None:
    """Its modules are named and ordered alike; its "5x5" are 3x3, so that is where they differ."""
    theirs = torchvision.models.googlenet(init_weights=False, aux_logits=False)
    ours = build(parse("googlenet"))
    other = [layer for layer in theirs.modules() if isinstance(layer, nn.Conv2d)]
    pairs = list(zip(convs(ours), other, strict=True))
    for mine, other_one in pairs:
        assert mine.out_channels == other_one.out_channels
        assert mine.in_channels == other_one.in_channels
    differing = [mine.kernel_size for mine, one in pairs if mine.kernel_size != one.kernel_size]
    assert differing == [(5, 5)] * 9


def test_sizes_inside_googlenet() -> None:
    model = GoogLeNet(GoogLeNetSpec())
    sizes: list[int] = []
    for pool in (model.pool1, model.pool2, model.pool3, model.pool4):
        pool.register_forward_hook(lambda module, inputs, output: sizes.append(output.shape[-1]))
    assert model(torch.zeros(1, 3, 224, 224)).shape == (1, 1000)
    assert sizes == [56, 28, 14, 7]


@pytest.mark.parametrize(("name", "size"), [("alexnet", 227), ("googlenet_root4", 64)])
def test_all_weights_get_gradients_and_losses_stay_finite(name: str, size: int) -> None:
    torch.manual_seed(0)
    model = build(parse(name), classes=2)
    images = torch.randn(2, 3, size, size)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for _ in range(2):
        loss = functional.cross_entropy(model(images), torch.tensor([0, 1]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert torch.isfinite(torch.tensor(losses)).all()
