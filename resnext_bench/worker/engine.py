"""Engines: how one step's gradients become new parameters, on one rank or several.

The loop uses only an engine's model and two calls, so that the same lines time all engines.
Gradients of several ranks are averaged while backward runs, but by DeepSpeed's stage 0 after it.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks, powerSGD_hook
from torch.nn.parallel import DistributedDataParallel

from resnext_bench.reports.schema.choices import CommHook
from resnext_bench.reports.schema.config import USUAL_BUCKET_MIB, RunConfig


class Engine(Protocol):
    """A model in training."""

    @property
    def model(self) -> nn.Module:
        """The model as the loop calls it."""

    def backward(self, loss: torch.Tensor) -> None:
        """Compute gradients, averaged over the ranks; under ZeRO each rank keeps its share."""

    def update(self) -> None:
        """Take a step of the optimizer; the gradients are cleared afterwards."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plain:
    """PyTorch's own: a single rank, or DDP."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    """Gradient scaler for fp16, whose small gradients would vanish; off for other types."""

    def backward(self, loss: torch.Tensor) -> None:
        """Run backward, during which DDP reduces buckets of gradients."""
        self.scaler.scale(loss).backward()

    def update(self) -> None:
        """Update the parameters, unscaled; the step is skipped if fp16 has overflowed."""
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)


def build_engine(
    config: RunConfig, module: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
) -> Engine:
    """Return the engine that the configuration names, around a model on its device."""
    if config.engine == "deepspeed":
        # An extra, and seconds to import: only where it is used.
        from resnext_bench.worker.deepspeed_engine import DeepSpeed  # noqa: PLC0415

        return DeepSpeed(config, module, optimizer, device)
    return Plain(
        model=_compiled(wrap(config, module, device), config),
        optimizer=optimizer,
        scaler=torch.amp.GradScaler(device.type, enabled=config.amp_dtype == "fp16"),
    )


def wrap(config: RunConfig, module: nn.Module, device: torch.device) -> nn.Module:
    """Return the model as the loop calls it. DDP averages the gradients while backward runs."""
    if config.engine == "none":
        return module
    usual = config.bucket_mib in (None, USUAL_BUCKET_MIB)
    wrapped = DistributedDataParallel(
        module,
        device_ids=[device.index] if device.type == "cuda" else None,
        # Unasked, DDP makes its first bucket one of 1 MiB, so that reducing begins early.
        bucket_cap_mb=None if usual else config.bucket_mib,
        static_graph=config.static_graph,
        gradient_as_bucket_view=config.gradient_as_bucket_view,
    )
    _compress(wrapped, config.ddp_comm_hook)
    return wrapped


FIRST_COMPRESSED = 2
"""First step with PowerSGD: DDP reorders its buckets in the two before."""


def _compress(model: DistributedDataParallel, hook: CommHook) -> None:
    """Compress gradients for communication; PyTorch's docs say what each hook loses."""
    match hook:
        case "bf16":
            model.register_comm_hook(None, default_hooks.bf16_compress_hook)
        case "fp16":
            model.register_comm_hook(None, default_hooks.fp16_compress_hook)
        case "powersgd":
            state = powerSGD_hook.PowerSGDState(None, start_powerSGD_iter=FIRST_COMPRESSED)
            model.register_comm_hook(state, powerSGD_hook.powerSGD_hook)


def _compiled(model: nn.Module, config: RunConfig) -> nn.Module:
    """Compile in place, around DDP, so that its buckets split the graph and still overlap."""
    if config.compile_mode != "none":
        mode = None if config.compile_mode == "default" else config.compile_mode
        model.compile(mode=mode)
    return model
