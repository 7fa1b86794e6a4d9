"""The convolutions of a network: how many, how often, which operations."""

import pytest
import torch

from resnext_bench.convs.problems import Asked, by_hand, chosen, of_network
from resnext_bench.errors import UsageError
from resnext_bench.reports.schema.convs import Convolution
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import names, parse


def of(model: str, *, everything: bool = False) -> list[Asked]:
    spec = parse(model)
    layers = draw(spec, spec.image_size)
    return of_network(layers, batch=2, dtype="bf16", layout="nhwc", everything=everything)


def test_resnext50_is_21_problems_of_16_layers() -> None:
    found = of("resnext50_32x4d")
    assert sum(len(one.operations) for one in found) == 21
    assert [len(one.convolution.layers) for one in found] == [3, 1, 3, 1, 5, 1, 2]
    assert {one.convolution.groups for one in found} == {32}
    assert found[1].convolution.images == (2, 256, 56, 56)
    assert found[1].convolution.outputs == (2, 256, 28, 28)
    assert found[1].convolution.weights == (256, 8, 3, 3)


def test_a_network_without_groups_has_all_its_convolutions() -> None:
    found = of("resnet50")
    assert sum(len(one.convolution.layers) for one in found) == 53
    assert found == of("resnet50", everything=True)


def test_nobody_needs_the_gradient_of_the_images() -> None:
    first, *others = of("resnext50_32x4d", everything=True)
    assert first.operations == ("forward", "weight gradient")
    assert all(len(one.operations) == 3 for one in others)


@pytest.mark.parametrize("name", names())
def test_every_layer_of_every_network_is_in_one_convolution(name: str) -> None:
    spec = parse(name)
    convs = [one.name for one in draw(spec, spec.image_size) if one.kind == "conv"]
    layers = [name for one in of(name, everything=True) for name in one.convolution.layers]
    assert sorted(layers) == sorted(convs)
    by_name = {
        name: one.convolution
        for one in of(name, everything=True)
        for name in one.convolution.layers
    }
    for layer in draw(spec, spec.image_size):
        if layer.kind == "conv":
            leaving = (layer.leaving.channels, layer.leaving.size, layer.leaving.size)
            assert by_name[layer.name].outputs[1:] == leaving


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, None), (5, 2, 0), (1, 3, 2)])
def test_a_convolution_by_hand_is_pytorchs(kernel: int, stride: int, padding: int | None) -> None:
    conv = by_hand(
        (2, 8, 9, 11),
        filters=16,
        groups=4,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dtype="fp32",
        layout="nchw",
    ).convolution
    module = torch.nn.Conv2d(8, 16, kernel, stride, conv.padding, groups=4)
    assert conv.outputs == tuple(module(torch.zeros(conv.images)).shape)
    assert conv.weights == tuple(module.weight.shape)


@pytest.mark.parametrize(
    ("filters", "groups", "kernel", "what"),
    [
        (16, 3, 3, "channels 8"),
        (18, 4, 3, "--filters 18"),
        (16, 4, 30, "--kernel 30"),
    ],
)
def test_what_cannot_be_a_convolution(filters: int, groups: int, kernel: int, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        by_hand(
            (2, 8, 9, 9),
            filters=filters,
            groups=groups,
            kernel=kernel,
            stride=1,
            padding=0,
            dtype="bf16",
            layout="nhwc",
        )


def test_one_layer_is_found_by_any_of_its_names() -> None:
    found = of("resnext50_32x4d")
    assert chosen(found, "layer3.4.conv2") == [found[4]]
    assert chosen(found, None) == found
    with pytest.raises(UsageError, match=r"16 convolutions, from layer1\.0\.conv2 to layer4\.2"):
        chosen(found, "conv9")


def test_the_smaller_map_is_in_bytes_of_its_type() -> None:
    conv = of("resnext50_32x4d")[1].convolution
    assert isinstance(conv, Convolution)
    assert conv.smaller_map_bytes == 2 * 2 * 256 * 28 * 28
