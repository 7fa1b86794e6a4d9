"""Builds the optimizers of PyTorch that `--optimizer` names."""

from collections.abc import Iterable
from typing import assert_never

import torch
from torch import nn

from resnext_bench.reports.schema.choices import Optimizer


def build_optimizer(
    name: Optimizer,
    parameters: Iterable[nn.Parameter],
    *,
    rate: float,
    momentum: float,
    weight_decay: float,
    fused: bool | None = None,
) -> torch.optim.Optimizer:
    """Return an optimizer of these parameters.

    `momentum` is Nesterov's; an optimizer whose state is not momentum does not take it. With
    `fused` None, PyTorch chooses how parameters are updated: all at once, or in a loop.
    """
    match name:
        case "sgd":
            return torch.optim.SGD(
                parameters,
                lr=rate,
                momentum=momentum,
                nesterov=momentum > 0,
                weight_decay=weight_decay,
                fused=fused,
            )
        case "adamw":
            return torch.optim.AdamW(parameters, lr=rate, weight_decay=weight_decay, fused=fused)
        case _:
            assert_never(name)
