"""What a spec derives from its few numbers, and what it refuses."""

import subprocess
import sys
from dataclasses import replace

import pytest

from resnext_bench.resnext.relatives import AlexNetSpec, GoogLeNetSpec
from resnext_bench.resnext.spec import CIFAR_STEM, ResNeXtSpec

RESNEXT50 = ResNeXtSpec(name="resnext50_32x4d", blocks=(3, 4, 6, 3), cardinality=32, width=4)


def test_template_of_table_1() -> None:
    assert RESNEXT50.group_channels == (128, 256, 512, 1024)
    assert RESNEXT50.out_channels == (256, 512, 1024, 2048)
    stages = list(RESNEXT50.stages())
    assert [len(stage) for stage in stages] == [3, 4, 6, 3]
    assert [[block.stride for block in stage][:2] for stage in stages] == [[1, 1]] + [[2, 1]] * 3
    assert all([block.projects for block in stage][:2] == [True, False] for stage in stages)
    assert {block.groups for stage in stages for block in stage} == {32}
    assert [stage[0].path_channels for stage in stages] == [4, 8, 16, 32]


def test_where_the_stride_stands() -> None:
    v1 = replace(RESNEXT50, stride_place="1x1")
    first = [stage[0].strides for stage in RESNEXT50.stages()]
    assert first == [(1, 1), (1, 2), (1, 2), (1, 2)]
    assert [stage[0].strides for stage in v1.stages()] == [(1, 1), (2, 1), (2, 1), (2, 1)]


def test_without_shortcuts_nothing_projects() -> None:
    plain = replace(RESNEXT50, shortcuts=False)
    assert not any(block.projects for stage in plain.stages() for block in stage)


def test_depth_of_cifar() -> None:
    spec = replace(RESNEXT50, blocks=(3, 3, 3), stem=CIFAR_STEM)
    assert (spec.depth, spec.out_channels) == (29, (256, 512, 1024))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"cardinality": 0}, "cardinality is 0, at least 1 is needed"),
        ({"width": -1}, "width is -1"),
        ({"classes": 0}, "classes is 0"),
        ({"blocks": ()}, "blocks are \\(\\)"),
        ({"blocks": (1, 0)}, "blocks are \\(1, 0\\), each stage needs at least 1"),
        ({"form": "d"}, "form is 'd'; allowed are a, b, c"),
        ({"stride_place": "5x5"}, "stride_place is '5x5'; allowed are 3x3, 1x1"),
        ({"filter_groups": (1, 2)}, "one number for each of 4 stages"),
        (
            {"filter_groups": (3, 1, 1, 1)},
            "128 channels cannot be divided into 3 groups; use 2 or 4",
        ),
        ({"filter_groups": (1, 1, 1, 0)}, "1024 channels cannot be divided into 0 groups; use 1"),
        ({"filter_groups": (200, 1, 1, 1)}, "cannot be divided into 200 groups; use 128$"),
    ],
)
def test_spec_refuses_what_cannot_be_built(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=f"^resnext50_32x4d: .*{told}") as caught:
        replace(RESNEXT50, **wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (
            lambda: AlexNetSpec(groups=5),
            "alexnet: 96 channels cannot be divided into 5 groups; use 4 or 6",
        ),
        (lambda: AlexNetSpec(classes=0), "classes is 0"),
        (lambda: GoogLeNetSpec(classes=0), "classes is 0"),
        (
            lambda: GoogLeNetSpec(filter_groups=(1, 1, 32, 1)),
            "inception4a: 208 channels cannot be divided into 32 groups; use 26 or 52",
        ),
    ],
)
def test_relatives_refuse_too(make: object, told: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=told):
        make()


def test_all_data_loads_no_torch() -> None:
    code = (
        "import sys, resnext_bench.resnext.cost, resnext_bench.resnext.names\n"
        "assert not {'torch', 'numpy'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
