"""Names, and what is said about wrong ones."""

import pickle
import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext.errors import UnknownModel
from resnext.spec import BLOCKS, ResNeXtSpec, names, parse


@pytest.mark.parametrize("name", names())
def test_every_listed_name_parses(name: str) -> None:
    assert parse(name).name == name


@given(st.sampled_from(sorted(BLOCKS)), st.integers(1, 9999), st.integers(1, 9999))
def test_any_cardinality_and_width_parses(depth: int, cardinality: int, width: int) -> None:
    spec = parse(f"resnext{depth}_{cardinality}x{width}d")
    assert (spec.depth, spec.cardinality, spec.width) == (depth, cardinality, width)
    assert spec.group_channels == tuple(cardinality * width * 2**stage for stage in range(4))


def test_resnet_is_one_group_of_64() -> None:
    spec = parse("resnet50")
    assert (spec.cardinality, spec.width, spec.blocks) == (1, 64, (3, 4, 6, 3))


def test_template_of_table_1() -> None:
    spec = parse("resnext50_32x4d")
    assert spec.group_channels == (128, 256, 512, 1024)
    assert spec.out_channels == (256, 512, 1024, 2048)
    stages = list(spec.stages())
    assert [len(stage) for stage in stages] == [3, 4, 6, 3]
    assert [[block.stride for block in stage][:2] for stage in stages] == [[1, 1]] + [[2, 1]] * 3
    assert all([block.projects for block in stage][:2] == [True, False] for stage in stages)


@pytest.mark.parametrize(
    ("given_name", "nearest"),
    [
        ("resnext50_32x4", "resnext50_32x4d"),
        ("resnext50_32x04d", "resnext50_32x4d"),
        ("ResNet50", "resnet50"),
        ("resnet51", "resnet50"),
        ("resnext101-64x4d", "resnext101_64x4d"),
    ],
)
def test_unknown_name_gets_the_nearest(given_name: str, nearest: str) -> None:
    with pytest.raises(UnknownModel, match=f"{given_name!r}; did you mean {nearest}\\?") as caught:
        parse(given_name)
    assert "resnext{14,26,50,101,152}_{C}x{D}d" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("far", ["vgg16", "", "densenet121", "convnext_tiny", "wide_resnet50_2"])
def test_a_name_of_another_family_is_near_to_none(far: str) -> None:
    with pytest.raises(UnknownModel, match=rf"^unknown model {far!r}\. Allowed: ") as caught:
        parse(far)
    assert caught.value.nearest is None


@pytest.mark.parametrize(
    "name",
    [
        *("", "vgg16", "resnext50", "resnext50_0x4d", "resnext50_32x0d", "resnext34_32x4d"),
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


@pytest.mark.parametrize("wrong", [{"cardinality": 0}, {"width": -1}, {"classes": 0}])
def test_spec_refuses_what_cannot_be_built(wrong: dict[str, int]) -> None:
    fields = {"cardinality": 1, "width": 1, "classes": 1} | wrong
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ResNeXtSpec(name="mine", blocks=(1,), **fields)


@pytest.mark.parametrize("blocks", [(), (1, 0)])
def test_spec_refuses_empty_stages(blocks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="blocks"):
        ResNeXtSpec(name="mine", blocks=blocks, cardinality=1, width=1)


def test_error_survives_pickling() -> None:
    with pytest.raises(UnknownModel) as caught:
        parse("resnet51")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_spec_and_cost_load_no_torch() -> None:
    code = "import sys, resnext.cost, resnext.spec; assert not {'torch', 'numpy'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)
