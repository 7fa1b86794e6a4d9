"""Costs against the tables of the papers, and against the network itself."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from resnext.cost import convolutions, multiply_adds, parameters, training_flops
from resnext.model import build
from resnext.spec import names, parse

# Name: parameters, G multiply-adds at 224 pixels, to the digits printed.
TABLE = {
    "resnet50": (25_557_032, "4.0892"),
    "resnet101": (44_549_160, "7.8014"),
    "resnet152": (60_192_808, "11.5136"),
    "resnext50_1x64d": (25_557_032, "4.0892"),
    "resnext50_2x40d": (25_425_000, "4.1245"),
    "resnext50_4x24d": (25_292_968, "4.1598"),
    "resnext50_8x14d": (25_603_016, "4.2674"),
    "resnext50_32x4d": (25_028_904, "4.2305"),
    "resnext101_1x64d": (44_549_160, "7.8014"),
    "resnext101_2x40d": (44_456_296, "7.8436"),
    "resnext101_4x24d": (44_363_432, "7.8857"),
    "resnext101_8x14d": (45_104_328, "8.0769"),
    "resnext101_32x4d": (44_177_704, "7.9700"),
    "resnext101_32x8d": (88_791_336, "16.4140"),
    "resnext101_64x4d": (83_455_272, "15.4603"),
    "resnext101_1x100d": (85_611_336, "15.27"),
    "resnext101_2x64d": (84_198_184, "15.12"),
    "resnext101_32x16d": (194_026_792, "36.16"),
    "resnext101_32x32d": (468_530_472, "87.11"),
    "resnext152_32x4d": (59_951_400, "11.7095"),
    "resnext152_64x4d": (114_971_944, "22.9393"),
}
BLOCK_PARAMETERS = {"1x64": 69_632, "2x40": 69_760, "4x24": 69_888, "8x14": 71_456, "32x4": 70_144}


@pytest.mark.parametrize("name", TABLE)
def test_tables_of_the_papers(name: str) -> None:
    count, giga = TABLE[name]
    spec = parse(name)
    assert parameters(spec) == count
    digits = len(giga.split(".")[1])
    assert f"{multiply_adds(spec, 224) / 1e9:.{digits}f}" == giga


@pytest.mark.parametrize("shape", BLOCK_PARAMETERS)
def test_parameters_of_a_block(shape: str) -> None:
    inside = [c for c in convolutions(parse(f"resnext50_{shape}d"), 224) if "stages.0.1." in c.name]
    assert sum(conv.parameters for conv in inside) == BLOCK_PARAMETERS[shape]


def test_training_flops_leave_out_the_image_gradient() -> None:
    spec = parse("resnext50_32x4d")
    stem = 7 * 7 * 3 * 64 * 112 * 112
    assert training_flops(spec, 224) == 2 * (3 * multiply_adds(spec, 224) - stem)
    assert f"{training_flops(spec, 224) / 1e9:.2f}" == "25.15"


def test_fewer_classes_cost_less() -> None:
    spec = parse("resnet50")
    small = replace(spec, classes=8)
    assert parameters(spec) - parameters(small) == 992 * 2049
    assert multiply_adds(spec, 64) - multiply_adds(small, 64) == 992 * 2048


def test_image_size_must_be_positive() -> None:
    with pytest.raises(ValueError, match="image size is 0"):
        multiply_adds(parse("resnet50"), 0)


def counted(model: nn.Module, image_size: int) -> list[int]:
    """Count multiply-adds of each convolution by what it really puts out (no data: meta)."""
    found: list[int] = []

    def hook(conv: nn.Module, _: object, output: torch.Tensor) -> None:
        assert isinstance(conv, nn.Conv2d)
        found.append(conv.weight.numel() * output.shape[2] * output.shape[3])

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(hook)
    model(torch.empty(2, 3, image_size, image_size, device="meta"))
    return found


@pytest.mark.parametrize("name", names())
def test_parameters_are_those_of_the_network(name: str) -> None:
    with torch.device("meta"):
        model = build(parse(name))
    assert sum(p.numel() for p in model.parameters()) == parameters(parse(name))


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(["resnext14_1x64d", "resnext14_32x4d", "resnext26_3x5d"]), st.integers(33, 300)
)
def test_multiply_adds_are_those_of_the_network(name: str, image_size: int) -> None:
    with torch.device("meta"):
        model = build(parse(name))
    shapes = convolutions(parse(name), image_size)
    assert counted(model, image_size) == [shape.multiply_adds for shape in shapes]


def test_names_are_those_of_the_module_tree() -> None:
    with torch.device("meta"):
        model = build(parse("resnext26_2x4d"))
    tree = {name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    named = {shape.name for shape in convolutions(parse("resnext26_2x4d"), 64)}
    assert {name.removesuffix(".0") for name in tree} == named
