"""Checks whether a training step is right, by its loss and gradients in comparison with fp32.

All cells start from the same parameters and see the same batch. A setting that is fast and wrong is
not a result.
"""

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

from resnext_bench.pipelines.batches import Batch
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.resnext.traffic import Dtype
from resnext_bench.worker.precision import AMP_DTYPES

LOSS_OFF: Final = 0.01
"""Largest relative distance of a correct first loss from that in fp32."""
GRADIENT_OFF: Final[dict[Dtype, float]] = {"fp32": 0.05, "tf32": 0.35, "fp16": 0.35, "bf16": 0.7}
"""Largest relative distance of a correct gradient of a weight from that in fp32, as a norm; a wrong
one is off by 1 or more.

On a CPU the worst weight of four networks was off by 0.20 to 0.37 in bf16, 0.07 to 0.13 in fp16.
"""
CALM: Final = 0.1
"""Scale with which the last norm of each block starts.

With 1, the changes by rounding in one block are amplified by all that follow: correct gradients of
ResNeXt-50 in bf16 then have next to nothing in common with those in fp32 (distance 1.3).
"""
SCALE: Final = 1024.0
"""Scale of the loss in the checked step, without which small gradients would be zero in fp16."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """The loss and gradients of one batch, before any update."""

    loss: float
    gradients: dict[str, torch.Tensor]
    """Gradients in fp32, by the parameter's name."""


def calm(module: nn.Module) -> nn.Module:
    """Return the same network with its residual branches scaled down (`CALM`)."""
    with torch.no_grad():
        for name, one in module.named_parameters():
            if name.endswith("bn3.weight"):
                one.fill_(CALM)
    return module


def first_step(model: nn.Module, module: nn.Module, config: RunConfig, batch: Batch) -> Step:
    """Return a step of `model`, as the loop calls it, on the parameters of `module`; no update."""
    images, labels = batch
    dtype = AMP_DTYPES.get(config.amp_dtype)
    with torch.autocast(config.device, dtype or torch.bfloat16, enabled=dtype is not None):
        loss = nn.functional.cross_entropy(model(images), labels)
    (SCALE * loss).backward()
    gradients = {
        name: one.grad.float() / SCALE
        for name, one in module.named_parameters()
        if one.grad is not None
    }
    module.zero_grad(set_to_none=True)
    return Step(loss=loss.item(), gradients=gradients)


def distances(found: Step, exact: Step) -> dict[str, float]:
    """Return how far a step is from that in fp32: its loss, and the worst gradient of a weight."""
    apart = [
        float((found.gradients[name] - one).norm() / one.norm())
        if name in found.gradients
        else math.nan
        for name, one in exact.gradients.items()
        if one.ndim > 1
    ]
    worst = math.nan if any(map(math.isnan, apart)) else max(apart)
    return {"loss": abs(found.loss / exact.loss - 1), "gradient": worst}


def marks(module: nn.Module) -> list[float]:
    """Return a sum of each trained tensor, by which training can be seen."""
    with torch.no_grad():
        return [float(one.double().sum()) for one in module.parameters() if one.requires_grad]


def untrained(before: list[float], module: nn.Module) -> str:
    """Return what is wrong with a network that was trained since; empty where nothing is."""
    after = marks(module)
    if not all(map(math.isfinite, after)):
        return "its parameters are no numbers any more after timing"
    same = sum(one == other for one, other in zip(before, after, strict=True))
    return f"{same} of {len(after)} parameters did not change while it was timed" if same else ""


def is_right(dtype: Dtype, off: dict[str, float]) -> bool:
    """Return whether all distances are within their limits; False for NaN."""
    return off["loss"] <= LOSS_OFF and off["gradient"] <= GRADIENT_OFF[dtype]


def words(name: str, off: dict[str, float]) -> str:
    """Describe what is wrong."""
    return (
        f"{name}: first step off by {off['loss']:.1e} (loss) and {off['gradient']:.1e} (worst "
        "weight's gradient) of fp32's"
    )
