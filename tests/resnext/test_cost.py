"""Costs against the tables of the papers."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.lab.networks import (
    convolutions,
    multiply_adds,
    parameters,
    training_flops,
)
from resnext_bench.resnext.cost import flops, total_flops
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse
from resnext_bench.resnext.spec import ResNeXtSpec

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
    "resnext29_8x64d": (34_426_698, "5.387"),
    "resnext29_16x64d": (68_155_210, "10.689"),
    "googlenet": (6_998_552, "1.583"),
    "alexnet": (60_965_224, "0.724406816"),
    "alexnet_ungrouped": (62_378_344, "1.135256096"),
}
# Root: parameters and multiply-adds of the ResNet-50 in Deep Roots' table. Both count conv1's and
# the classifier's 1,064 biases, the multiply-adds once each, and leave batch norm out.
ROOTS = {
    1: (25_503_976, 3_857_974_312),
    2: (25_448_680, 3_684_566_056),
    4: (25_126_120, 3_366_650_920),
    8: (23_195_368, 2_860_876_840),
    16: (18_691_048, 2_434_581_544),
    32: (16_438_888, 2_221_433_896),
    64: (15_312_808, 2_114_860_072),
}
BLOCK_PARAMETERS = {"1x64": 69_632, "2x40": 69_760, "4x24": 69_888, "8x14": 71_456, "32x4": 70_144}


@pytest.mark.parametrize("name", TABLE)
def test_tables_of_the_papers(name: str) -> None:
    count, giga = TABLE[name]
    spec = parse(name)
    assert parameters(spec) == count
    digits = len(giga.split(".")[1])
    assert f"{multiply_adds(spec, spec.image_size) / 1e9:.{digits}f}" == giga


@pytest.mark.parametrize("root", ROOTS)
def test_table_of_deep_roots(root: int) -> None:
    count, exact = ROOTS[root]
    layers = draw(parse(f"resnet50_root{root}"), 224)
    assert sum(layer.parameters for layer in layers if layer.kind != "norm") == count
    assert sum(layer.multiply_adds for layer in layers) + 1064 == exact


@pytest.mark.parametrize("shape", BLOCK_PARAMETERS)
def test_parameters_of_a_block(shape: str) -> None:
    inside = [c for c in convolutions(parse(f"resnext50_{shape}d"), 224) if "layer1.1." in c.name]
    assert sum(conv.parameters for conv in inside) == BLOCK_PARAMETERS[shape]


@given(st.integers(1, 64), st.integers(1, 16))
def test_parameters_of_any_block(cardinality: int, width: int) -> None:
    """The paper's formula, in section 4.1: C x (256 d + 9 d d + 256 d)."""
    spec = ResNeXtSpec(name="one", blocks=(2,), cardinality=cardinality, width=width)
    found = sum(conv.parameters for conv in convolutions(spec, 32) if "layer1.1." in conv.name)
    assert found == cardinality * (256 * width + 9 * width**2 + width * 256)


def test_directions_of_a_network() -> None:
    layers = draw(parse("resnext50_32x4d"), 224)
    total = total_flops(layers)
    stem = flops(layers[0])
    assert (stem.input_gradient, stem.weight_gradient) == (0, stem.forward)
    assert total.weight_gradient == total.forward
    assert total.input_gradient == total.forward - stem.forward
    assert total.total == training_flops(parse("resnext50_32x4d"), 224)


def test_training_flops_leave_out_the_image_gradient() -> None:
    spec = parse("resnext50_32x4d")
    stem = 7 * 7 * 3 * 64 * 112 * 112
    assert training_flops(spec, 224) == 2 * (3 * multiply_adds(spec, 224) - stem)
    assert f"{training_flops(spec, 224) / 1e9:.2f}" == "25.15"


def test_fewer_classes_cost_less() -> None:
    spec = parse("resnet50")
    assert isinstance(spec, ResNeXtSpec)
    small = replace(spec, classes=8)
    assert parameters(spec) - parameters(small) == 992 * 2049
    assert multiply_adds(spec, 64) - multiply_adds(small, 64) == 992 * 2048


def test_image_size_must_be_positive() -> None:
    with pytest.raises(ValueError, match="image size is 0"):
        multiply_adds(parse("resnet50"), 0)
