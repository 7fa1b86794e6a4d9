"""Names, and what is said about wrong ones."""

import pickle
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.resnext.names import BLOCKS, CIFAR_DEPTHS, UnknownModel, names, parse
from resnext_bench.resnext.relatives import AlexNetSpec, GoogLeNetSpec
from resnext_bench.resnext.spec import CIFAR_STEM, ResNeXtSpec


def residual(name: str) -> ResNeXtSpec:
    spec = parse(name)
    assert isinstance(spec, ResNeXtSpec)
    return spec


@pytest.mark.parametrize("name", names())
def test_every_listed_name_parses(name: str) -> None:
    assert parse(name).name == name


@given(st.sampled_from(sorted(BLOCKS)), st.integers(1, 9999), st.integers(1, 9999))
def test_any_cardinality_and_width_parses(depth: int, cardinality: int, width: int) -> None:
    spec = residual(f"resnext{depth}_{cardinality}x{width}d")
    assert (spec.depth, spec.cardinality, spec.width) == (depth, cardinality, width)
    stages = range(3 if depth in CIFAR_DEPTHS else 4)
    assert spec.group_channels == tuple(cardinality * width * 2**stage for stage in stages)


def test_resnet_is_one_group_of_64() -> None:
    spec = residual("resnet50")
    assert (spec.cardinality, spec.width, spec.blocks) == (1, 64, (3, 4, 6, 3))


def test_depth_29_is_of_cifar() -> None:
    spec = residual("resnext29_8x64d")
    assert (spec.stem, spec.image_size, spec.classes) == (CIFAR_STEM, 32, 10)
    assert spec.group_channels == (512, 1024, 2048)


def test_what_follows_a_name() -> None:
    assert residual("resnet50_v1").stride_place == "1x1"
    assert residual("resnet50").stride_place == "3x3"
    both = residual("resnext101_32x4d_v1_plain")
    assert (both.stride_place, both.shortcuts) == ("1x1", False)
    root = residual("resnet50_root16")
    assert (root.groups, root.stride_place, root.stem.bias) == ((16, 8, 4, 2), "1x1", True)


def test_relatives_by_name() -> None:
    assert parse("alexnet") == AlexNetSpec()
    assert parse("alexnet_ungrouped") == AlexNetSpec(name="alexnet_ungrouped", groups=1)
    assert parse("googlenet") == GoogLeNetSpec()
    root = parse("googlenet_root8")
    assert isinstance(root, GoogLeNetSpec)
    assert root.filter_groups == (8, 4, 2, 1)


@pytest.mark.parametrize(
    ("given_name", "nearest"),
    [
        ("resnext50_32x4", "resnext50_32x4d"),
        ("resnext50_32x04d", "resnext50_32x4d"),
        ("ResNet50", "resnet50"),
        ("resnet51", "resnet50"),
        ("resnext101-64x4d", "resnext101_64x4d"),
        ("resnet50_root3", "resnet50_root32"),
        ("googlenet_root32", "googlenet_root2"),
        ("alexnet_2", "alexnet"),
    ],
)
def test_unknown_name_gets_the_nearest(given_name: str, nearest: str) -> None:
    with pytest.raises(UnknownModel, match=f"{given_name!r}; did you mean {nearest}\\?") as caught:
        parse(given_name)
    assert "resnext{14,26,29,50,101,152,200}_{C}x{d}d" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("far", ["vgg16", "", "densenet121", "convnext_tiny", "wide_resnet50_2"])
def test_a_name_of_another_family_is_near_to_none(far: str) -> None:
    with pytest.raises(UnknownModel, match=rf"^unknown model {far!r}\. Allowed: "):
        parse(far)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "vgg16",
            "resnext50",
            "resnext50_0x4d",
            "resnext50_32x0d",
            "resnext34_32x4d",
            "resnet29",
            "resnet50_plain_v1",
        ),
        *("resnext50_-1x4d", "resnext50_32x4d ", "resnext50_32x4d\n", "resnext50_99999x4d"),
        *("resnext50_\u0663x4d", "resnext50_" + "9" * 5000 + "x4d"),
    ],
)
def test_nonsense_is_refused(name: str) -> None:
    with pytest.raises(UnknownModel):
        parse(name)


@given(st.text(max_size=30))
def test_no_text_brings_another_error(text: str) -> None:
    with suppress(UnknownModel):
        assert parse(text).name == text


def test_error_survives_pickling() -> None:
    with pytest.raises(UnknownModel) as caught:
        parse("resnet51")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
