"""Modules in another layout: every tensor has it, results stay, and nothing else is converted."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from resnext_bench.config.layouts import matches, patterns_of
from resnext_bench.worker import layouts
from resnext_bench.worker.layouts import WITH_LAYOUT, Converted, LayoutError
from resnext_bench.worker.training import build_model
from resnext_bench.worker.witness import FormatProbe, format_of
from tests.worker.made_training import CPU, made_config

SIZE = 32
MIXES = {
    "resnext14_4x4d": "layer2,layer1.0.conv1,layer3.0.conv2,layer3.0.bn2",
    "googlenet": "inception3a.direct,inception3a.conv5,conv2,pool2",
    "torchvision:resnet18": "layer2.*.conv?,layer2.*.bn1,layer3.*.bn1",
    "timm:resnet18": "layer3,conv1",
}
FORMATS = {True: "NHWC", False: "NCHW"}


def built(model: str, **options: Any) -> nn.Module:
    return build_model(made_config(model=model, image_size=SIZE, **options), CPU)


def images(*, channels_last: bool) -> torch.Tensor:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(2, 3, SIZE, SIZE, generator=generator)
    return noise.contiguous(memory_format=layout)


def seen_in(module: nn.Module, given: torch.Tensor) -> dict[str, set[str]]:
    """The formats of input, output, its gradient and weights, by module, in a step."""
    found: dict[str, set[str]] = defaultdict(set)

    def watch(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, args: tuple[torch.Tensor, ...], result: torch.Tensor) -> None:
            found[name] |= {format_of(args[0]), format_of(result)}
            result.register_hook(lambda gradient: found[name].add(format_of(gradient)))

        return hook

    for name, layer in module.named_modules():
        if isinstance(layer, WITH_LAYOUT):
            layer.register_forward_hook(watch(name))
    module(given).square().mean().backward()
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Conv2d):
            found[name] |= {format_of(layer.weight)}
    return found


@pytest.mark.parametrize("channels_last", [True, False], ids=["nhwc", "nchw"])
@pytest.mark.parametrize("model", MIXES)
def test_each_module_works_in_its_own(model: str, channels_last: bool) -> None:
    module = built(model, other_layout=MIXES[model], channels_last=channels_last)
    found = seen_in(module, images(channels_last=channels_last))
    patterns = patterns_of(MIXES[model])
    sides = [0, 0]
    for name, formats in found.items():
        is_other = matches(name, patterns)
        sides[is_other] += 1
        assert formats <= {FORMATS[channels_last is not is_other], "either"}, name
    assert min(sides) > 0


@pytest.mark.parametrize("model", MIXES)
def test_it_computes_the_same(model: str) -> None:
    results = []
    for mix in ("none", MIXES[model]):
        module = built(model, other_layout=mix).double()
        logits = module(images(channels_last=True).double())
        logits.square().mean().backward()
        gradients = [one.grad for one in module.parameters()]
        results.append([logits, *(one for one in gradients if one is not None)])
    assert len(results[0]) == len(results[1])
    for one, other in zip(*results, strict=True):
        assert (one - other).norm() <= 1e-8 * one.norm()


def test_nothing_is_converted_where_neighbours_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[torch.memory_format] = []
    convert = Converted.apply

    def counted(given: torch.Tensor, layout: torch.memory_format) -> Any:
        calls.append(layout)
        return convert(given, layout)

    monkeypatch.setattr(layouts.Converted, "apply", counted)
    model = "resnext14_4x4d"
    built(model, other_layout="layer2")(images(channels_last=True))
    # Into layer2's first convolution and its shortcut's, and likewise out of it.
    assert calls == [torch.contiguous_format] * 2 + [torch.channels_last] * 2
    calls.clear()
    every = ("conv1", "bn1", "maxpool", "layer?", "avgpool")
    built(model, other_layout=",".join(every))(images(channels_last=False))
    assert calls == []


def test_without_it_a_model_has_no_hooks() -> None:
    plain, mixed = (built("resnext14_4x4d", other_layout=one) for one in ("none", "layer2"))
    hooks = [
        sum(len(layer._forward_pre_hooks) for layer in module.modules())
        for module in (plain, mixed)
    ]
    assert hooks[0] == 0 < hooks[1]


def test_a_probe_sees_weights_of_both() -> None:
    assert FormatProbe(built("resnext14_4x4d", other_layout="layer2")).weight_format == "mixed"
    assert FormatProbe(built("resnext14_4x4d")).weight_format == "NHWC"


def test_names_that_others_models_lack_are_refused() -> None:
    with pytest.raises(LayoutError, match=r"--other-layout layer9: .* torchvision:resnet18"):
        built("torchvision:resnet18", other_layout="layer9")


def test_scripted_modules_are_refused() -> None:
    scripted = torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 3)))
    with pytest.raises(LayoutError, match="TorchScript"):
        layouts.give_other_layout(scripted, made_config(other_layout="layer1"))
