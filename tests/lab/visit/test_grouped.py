"""Convolutions by hand against autograd's."""

import pytest
import torch

from resnext_bench.lab.visit import grouped
from resnext_bench.lab.visit.grouped import DIRECTIONS, Problem, exact, problem
from resnext_bench.lab.visit.parts.convs import Shape, shapes
from resnext_bench.lab.visit.sizes import FULL, MINIATURE

CPU = torch.device("cpu")


def test_the_grouped_convolutions_of_resnext_50() -> None:
    found = {shape.key: len(shape.names) for shape in shapes(FULL)}
    assert found == {
        "128@56": 3,
        "256@56/2": 1,
        "256@28": 3,
        "512@28/2": 1,
        "512@14": 5,
        "1024@14/2": 1,
        "1024@7": 2,
    }


@pytest.mark.parametrize("shape", shapes(MINIATURE), ids=lambda shape: shape.key)
@pytest.mark.parametrize("values", [2**26, 1], ids=["whole", "sliced"])
def test_all_directions(shape: Shape, values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouped, "_SLICE", values)
    asked = problem(shape.layer, 3, torch.float64, CPU)
    for direction, found in zip(DIRECTIONS, by_autograd(asked), strict=True):
        torch.testing.assert_close(exact(asked, direction), found, rtol=1e-12, atol=1e-12)


def by_autograd(asked: Problem) -> tuple[torch.Tensor, ...]:
    images = asked.images.clone().requires_grad_()
    weight = asked.weight.clone().requires_grad_()
    layer = asked.layer
    result = torch.nn.functional.conv2d(
        images, weight, None, layer.stride, asked.padding, 1, layer.groups
    )
    gradients = torch.autograd.grad(result, (images, weight), asked.gradient)
    return (result.detach(), *gradients)


def test_results_are_as_large_as_what_is_read() -> None:
    asked = problem(shapes(MINIATURE)[0].layer, 8, torch.float64, CPU)
    assert 0.7 < float(exact(asked, "forward").std()) < 1.3
