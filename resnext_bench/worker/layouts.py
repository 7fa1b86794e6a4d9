"""Gives some modules of a model another memory layout than the rest, as `--other-layout` asks.

PyTorch's memory format travels with tensors: what a module returns has the format of what it reads.
So the choice is made where convolutions, norms and pools read: each has a format, and a map that
comes in the other one is converted, as its gradient is on its way back. Activations and sums take
the format of their inputs; nothing is converted where neighbours agree.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import torch
from torch import nn
from torch.nn.modules import batchnorm, conv, pooling

from resnext_bench.config.layouts import matches, patterns_of, unknown
from resnext_bench.reports.schema.config import RunConfig

WITH_LAYOUT: Final = (
    *(conv._ConvNd, batchnorm._BatchNorm, nn.GroupNorm, nn.LocalResponseNorm),
    *(pooling._MaxPoolNd, pooling._AvgPoolNd),
    *(pooling._AdaptiveAvgPoolNd, pooling._AdaptiveMaxPoolNd),
)
"""Modules that have a layout of their own."""
_OTHER: Final = {
    torch.channels_last: torch.contiguous_format,
    torch.contiguous_format: torch.channels_last,
}
_MAP: Final = 4
"""Number of dimensions of a map: [batch, channels, height, width]."""


class LayoutError(ValueError):
    """Modules cannot be given another layout: what was asked for, and why not."""

    def __init__(self, config: RunConfig, why: str) -> None:
        super().__init__(f"--other-layout {why} (in --model {config.model})")


class Converted(torch.autograd.Function):
    """A map in another format; its gradient comes back in the format that the map had."""

    @staticmethod
    def forward(ctx: Any, given: torch.Tensor, layout: torch.memory_format) -> torch.Tensor:
        """Return the map in the format."""
        ctx.layout = _OTHER[layout]
        return given.contiguous(memory_format=layout)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Return the gradient in the other format."""
        return gradients[0].contiguous(memory_format=ctx.layout), None


def give_other_layout(model: nn.Module, config: RunConfig) -> None:
    """Put the modules that are named into the other format; without any, change nothing."""
    patterns = patterns_of(config.other_layout)
    if not patterns:
        return
    if isinstance(model, torch.jit.ScriptModule):
        raise LayoutError(config, f"{config.other_layout}: TorchScript's modules take no hooks")
    layers = dict(_with_layout(model))
    if found := unknown(patterns, layers):
        raise LayoutError(config, found)
    base = torch.channels_last if config.channels_last else torch.contiguous_format
    for name, layer in layers.items():
        layout = _OTHER[base] if matches(name, patterns) else base
        layer.to(memory_format=layout)
        layer.register_forward_pre_hook(partial(_in_layout, layout))


def _with_layout(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, layer in model.named_modules():
        if isinstance(layer, WITH_LAYOUT):
            yield name, layer


def _in_layout(layout: torch.memory_format, _: nn.Module, given: tuple[Any, ...]) -> Any:
    """Return what a module reads in its format; None where it comes so."""
    (first, *rest) = given
    if first.dim() != _MAP or first.is_contiguous(memory_format=layout):
        return None
    converted = Converted.apply(first, layout)
    return (converted, *rest)
