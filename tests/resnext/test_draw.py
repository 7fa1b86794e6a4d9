"""Every drawn layer against the module of that name, run on no data (meta)."""

from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.layers import IMAGES, Layer
from resnext_bench.resnext.modules.build import build
from resnext_bench.resnext.names import Architecture, names, parse
from resnext_bench.resnext.spec import Form, ResNeXtSpec
from tests.resnext.deep import deep_ones_slow


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a convolution, linear layer or batch norm of a module met."""

    name: str
    parameters: int
    entering: tuple[int, ...]
    leaving: tuple[int, ...]
    multiply_adds: int


def seen(model: nn.Module, image_size: int) -> list[Seen]:
    """In the order they ran; multiply-adds by what was really put out."""
    found: list[Seen] = []

    def note(name: str, module: nn.Module, entering: torch.Tensor, leaving: torch.Tensor) -> None:
        weight = module.get_parameter("weight")
        places = leaving[0, 0].numel()
        found.append(
            Seen(
                name=name,
                parameters=sum(parameter.numel() for parameter in module.parameters()),
                entering=tuple(entering.shape[1:]),
                leaving=tuple(leaving.shape[1:]),
                multiply_adds=0 if isinstance(module, nn.BatchNorm2d) else weight.numel() * places,
            )
        )

    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
            module.register_forward_hook(
                lambda module, inputs, output, name=name: note(name, module, inputs[0], output)
            )
    model(torch.empty(2, 3, image_size, image_size, device="meta"))
    return found


def drawn(spec: Architecture, image_size: int) -> list[Seen]:
    return [
        Seen(
            name=layer.name,
            parameters=layer.parameters,
            entering=_shape(layer, layer.entering.channels, layer.entering.size),
            leaving=_shape(layer, layer.leaving.channels, layer.leaving.size),
            multiply_adds=layer.multiply_adds,
        )
        for layer in draw(spec, image_size)
        if layer.kind in ("conv", "linear", "norm")
    ]


def _shape(layer: Layer, channels: int, size: int) -> tuple[int, ...]:
    if layer.kind == "linear":
        return (channels * size * size,)
    return (channels, size, size)


def assert_alike(spec: Architecture, image_size: int) -> None:
    with torch.device("meta"):
        model = build(spec)
    assert drawn(spec, image_size) == seen(model, image_size)
    assert sum(one.parameters for one in drawn(spec, image_size)) == sum(
        parameter.numel() for parameter in model.parameters()
    )


@pytest.mark.parametrize("name", deep_ones_slow(names()))
def test_every_listed_network_is_drawn_as_it_runs(name: str) -> None:
    assert_alike(parse(name), parse(name).image_size)


@settings(max_examples=15)
@given(
    name=st.sampled_from(
        [
            *("resnext14_1x64d", "resnext14_32x4d", "resnext26_3x5d", "resnext26_2x8d_v1"),
            *("resnext14_8x2d_plain", "resnext29_2x4d", "googlenet", "googlenet_root16"),
        ]
    ),
    image_size=st.integers(33, 300),
)
def test_at_every_size(name: str, image_size: int) -> None:
    assert_alike(parse(name), image_size)


@pytest.mark.parametrize("form", ["a", "b"])
@pytest.mark.parametrize("name", ["resnext14_3x4d", "resnext26_2x5d_v1", "resnext29_4x8d"])
def test_in_every_form(name: str, form: Form) -> None:
    spec = parse(name)
    assert isinstance(spec, ResNeXtSpec)
    formed = replace(spec, form=form)
    assert_alike(formed, 64)
    total = sum(layer.multiply_adds for layer in draw(spec, 64))
    assert sum(layer.multiply_adds for layer in draw(formed, 64)) == total


@pytest.mark.parametrize("name", ["resnext50_32x4d", "googlenet", "alexnet"])
def test_layers_read_only_what_is_there(name: str) -> None:
    layers = draw(parse(name), parse(name).image_size)
    for place, layer in enumerate(layers):
        for read in layer.reads:
            assert IMAGES <= read < place
            given_map = layers[read].leaving if read >= 0 else layer.entering
            assert given_map.size == layer.entering.size
        first = layer.reads[0]
        assert first == IMAGES or layers[first].leaving == layer.entering
    unread = set(range(len(layers))) - {r for layer in layers for r in layer.reads}
    assert unread == {len(layers) - 1}


@pytest.mark.parametrize("size", [227, 258])
def test_sizes_alexnet_takes(size: int) -> None:
    assert_alike(parse("alexnet"), size)


@pytest.mark.parametrize("size", [32, 226, 259])
def test_sizes_alexnet_refuses(size: int) -> None:
    with pytest.raises(ValueError, match=f"(227 to 258 pixels, not {size}|too small)"):
        draw(parse("alexnet"), size)


@pytest.mark.parametrize("name", ["resnet50", "resnext29_8x64d"])
def test_an_image_has_pixels(name: str) -> None:
    with pytest.raises(ValueError, match="image size is 0"):
        draw(parse(name), 0)
