"""Convolutions by hand against autograd's."""

import pytest
import torch

from resnext_bench.convs.measuring import exact as module
from resnext_bench.convs.measuring.exact import Tensors, exact, tensors
from resnext_bench.lab.visit.parts.convs import convolutions_of, key_of
from resnext_bench.lab.visit.sizes import FULL, MINIATURE
from resnext_bench.reports.schema.convs import OPERATIONS, Convolution

CPU = torch.device("cpu")


def test_the_grouped_convolutions_of_resnext_50() -> None:
    found = {key_of(one): len(one.layers) for one in convolutions_of(FULL, "bf16")}
    assert found == {
        "128@56": 3,
        "256@56/2": 1,
        "256@28": 3,
        "512@28/2": 1,
        "512@14": 5,
        "1024@14/2": 1,
        "1024@7": 2,
    }


ODD = Convolution(
    layers=("given",),
    images=(2, 6, 11, 8),
    filters=9,
    groups=3,
    kernel=(3, 2),
    stride=(2, 1),
    padding=(2, 1),
    dilation=(1, 3),
    dtype="fp32",
    layout="nchw",
)


@pytest.mark.parametrize("conv", [*convolutions_of(MINIATURE, "fp32"), ODD], ids=key_of)
@pytest.mark.parametrize("values", [2**26, 1], ids=["whole", "sliced"])
def test_all_operations(conv: Convolution, values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLICE", values)
    asked = tensors(conv, CPU, torch.float64)
    for operation, found in zip(OPERATIONS, by_autograd(asked), strict=True):
        torch.testing.assert_close(exact(asked, operation), found, rtol=1e-12, atol=1e-12)


def by_autograd(asked: Tensors) -> tuple[torch.Tensor, ...]:
    images = asked.images.clone().requires_grad_()
    weight = asked.weight.clone().requires_grad_()
    conv = asked.convolution
    result = torch.nn.functional.conv2d(
        images, weight, None, conv.stride, conv.padding, conv.dilation, conv.groups
    )
    gradients = torch.autograd.grad(result, (images, weight), asked.gradient)
    return (result.detach(), *gradients)


def test_results_are_as_large_as_what_is_read() -> None:
    asked = tensors(convolutions_of(MINIATURE, "fp32")[0], CPU, torch.float64)
    assert 0.7 < float(exact(asked, "forward").std()) < 1.3
