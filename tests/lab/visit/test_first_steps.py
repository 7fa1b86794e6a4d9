"""Whether a step of training is right."""

import math

import pytest
import torch

from resnext_bench.lab.visit.cells import Cell, exact_step, prepare
from resnext_bench.lab.visit.first_steps import Step, distances, is_right, marks, untrained, words

CPU = torch.device("cpu")
SIZE = 32
CELL = Cell(model="resnext14_4x4d", batch=8, typed="fp32 NHWC")


@pytest.fixture(scope="module")
def exact() -> Step:
    return exact_step(CELL, CPU, SIZE)


@pytest.mark.parametrize(
    "cell",
    [
        Cell(model=CELL.model, batch=8),
        pytest.param(Cell(model=CELL.model, batch=8, typed="bf16 NCHW"), marks=pytest.mark.slow),
        Cell(model=CELL.model, batch=8, typed="fp32 NHWC"),
        pytest.param(
            Cell(model=CELL.model, batch=8, typed="fp32 NHWC", source="torchvision"),
            marks=pytest.mark.slow,
        ),
        pytest.param(Cell(model=CELL.model, batch=8, source="timm"), marks=pytest.mark.slow),
    ],
    ids=lambda cell: f"{cell.source}, {cell.typed}",
)
def test_every_source_and_type_starts_alike(cell: Cell, exact: Step) -> None:
    off = distances(prepare(cell, CPU, SIZE, block_s=0.01).step, exact)
    assert is_right(cell.dtype, off), off
    if cell.dtype == "fp32":
        assert off["gradient"] < 1e-4


@pytest.mark.parametrize("name", ["conv1.weight", "layer2.0.conv2.weight", "fc.weight"])
@pytest.mark.parametrize("factor", [0.0, -1.0, math.nan, 2.0])
def test_one_weight_with_a_wrong_gradient_is_enough(exact: Step, name: str, factor: float) -> None:
    broken = exact.gradients | {name: exact.gradients[name] * factor}
    off = distances(Step(loss=exact.loss, gradients=broken), exact)
    assert not is_right("bf16", off)
    assert words("x", off).startswith("x: first step off by 0.0e+00 (loss)")


def test_a_gradient_that_is_missing_is_wrong(exact: Step) -> None:
    gradients = {name: one for name, one in exact.gradients.items() if name != "fc.weight"}
    assert not is_right("bf16", distances(Step(loss=exact.loss, gradients=gradients), exact))


def test_training_shows_in_every_parameter() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    before = marks(network)
    with torch.no_grad():
        network[0].weight += 1
    assert untrained(before, network) == "3 of 4 parameters did not change while it was timed"
    with torch.no_grad():
        for one in network.parameters():
            one.add_(1)
    assert untrained(before, network) == ""
    with torch.no_grad():
        network[1].bias[0] = math.nan
    assert "no numbers any more" in untrained(before, network)


def test_fp32_is_not_compared_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution that is wrong in NHWC alone is found out, in fp32 too."""
    forward = torch.nn.Conv2d.forward

    def broken(layer: torch.nn.Conv2d, images: torch.Tensor) -> torch.Tensor:
        result = forward(layer, images)
        is_nchw = layer.weight.is_contiguous() and layer.kernel_size == (3, 3)
        return result if is_nchw or layer.kernel_size != (3, 3) else result.flip(-1)

    monkeypatch.setattr(torch.nn.Conv2d, "forward", broken)
    off = distances(prepare(CELL, CPU, SIZE, block_s=0.01).step, exact_step(CELL, CPU, SIZE))
    assert not is_right("fp32", off), off


def test_another_loss_is_wrong(exact: Step) -> None:
    off = distances(Step(loss=1.05 * exact.loss, gradients=exact.gradients), exact)
    assert not is_right("bf16", off)
