"""Regions of networks: what shares a layout, and which maps may be converted."""

import pytest

from resnext_bench.config.layouts import WITH_LAYOUT
from resnext_bench.convs.layouts.network import regions_of
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse

NETWORKS = {"resnext14_4x4d": 64, "resnext50_32x4d": 224, "googlenet": 224, "alexnet": 227}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_with_a_layout_is_in_one_region(name: str) -> None:
    layers = draw(parse(name), NETWORKS[name])
    found = regions_of(layers, 2, "bf16")
    wanted = [layer.name for layer in layers if layer.kind in WITH_LAYOUT]
    assert sorted(found.names) == sorted(wanted)
    assert set(found.tasks) == {
        layer.name for layer in layers if layer.kind in WITH_LAYOUT and layer.kind != "conv"
    }
    assert len(found.passages) == len(wanted)
    assert found.layers[0] == ()


def region(found: tuple[tuple[object, ...], ...], name: str) -> int:
    return next(at for at, some in enumerate(found) if name in {one.name for one in some})  # type: ignore[attr-defined]


def test_all_maps_of_a_sum_share_a_layout() -> None:
    found = regions_of(draw(parse("resnext50_32x4d"), 224), 8, "fp32").layers
    trunk = region(found, "layer1.0.bn3")
    assert {one.name for one in found[trunk]} == {
        *("layer1.0.bn3", "layer1.0.downsample.1", "layer1.1.bn3", "layer1.2.bn3"),
    }
    assert region(found, "layer2.0.bn3") != trunk
    assert [one.name for one in found[region(found, "layer1.0.conv1")]] == ["layer1.0.conv1"]


def test_all_maps_of_a_concatenation_share_a_layout() -> None:
    found = regions_of(draw(parse("googlenet"), 224), 8, "fp32").layers
    ends = {region(found, f"inception3a.{one}") for one in ("direct", "conv3", "conv5", "project")}
    assert len(ends) == 1


def test_what_is_converted_has_the_size_and_type_of_the_map() -> None:
    found = regions_of(draw(parse("resnext50_32x4d"), 224), 8, "bf16")
    images = [one for one in found.passages if one.source == 0]
    assert [(one.conversion.shape, one.conversion.dtype) for one in images] == [
        ((8, 3, 224, 224), "fp32")
    ]
    assert not images[0].has_gradient
    others = [one for one in found.passages if one.source]
    assert all(one.has_gradient and one.conversion.dtype == "bf16" for one in others)
    stem = region(found.layers, "maxpool")
    readers = [one for one in found.passages if one.source == stem]
    assert [one.conversion.shape for one in readers] == [(8, 64, 56, 56)] * 2


def test_windows_of_pools_are_those_of_the_network() -> None:
    for name, size in NETWORKS.items():
        layers = draw(parse(name), size)
        tasks = regions_of(layers, 2, "fp32").tasks
        for layer in layers:
            if layer.kind == "max_pool":
                task = tasks[layer.name]
                room = task.shape[2] + 2 * task.padding - task.kernel
                assert room // task.stride + 1 == layer.leaving.size
