"""Whether a step of training is right."""

import math

import pytest
import torch

from tests.gpu.kit.cells import Cell, exact_step, prepare
from tests.gpu.kit.first_steps import Step, distances, is_right, words

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
        Cell(model=CELL.model, batch=8, typed="bf16 NCHW"),
        Cell(model=CELL.model, batch=8, typed="fp32 NHWC"),
        Cell(model=CELL.model, batch=8, typed="fp32 NHWC", source="torchvision"),
        Cell(model=CELL.model, batch=8, source="timm"),
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


def test_another_loss_is_wrong(exact: Step) -> None:
    off = distances(Step(loss=1.05 * exact.loss, gradients=exact.gradients), exact)
    assert not is_right("bf16", off)
