"""Assembles everything that the step loop needs from a configuration."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from resnext_bench.config.models import foreign
from resnext_bench.pipelines.batches import Batches
from resnext_bench.pipelines.images.pixels import Normalise
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.resnext.modules.build import build
from resnext_bench.resnext.names import Architecture, formed
from resnext_bench.worker.engine import Engine, build_engine
from resnext_bench.worker.layouts import give_other_layout
from resnext_bench.worker.models import maker
from resnext_bench.worker.optimizers import build_optimizer
from resnext_bench.worker.precision import AMP_DTYPES

Criterion = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """A model in training. The loop reads it and changes only the parameters."""

    engine: Engine
    module: nn.Module
    """The model inside the engine: its own parameters and names."""
    criterion: Criterion
    device: torch.device
    amp_dtype: torch.dtype | None
    batches: Batches
    other: Batches | None = None
    """Batches of a second loader, to measure its effect."""

    def autocast(self) -> torch.autocast:
        """Return the autocast context of forward and loss; backward uses forward's types."""
        return torch.autocast(
            self.device.type,
            dtype=self.amp_dtype or torch.bfloat16,
            enabled=self.amp_dtype is not None,
        )


def build_model(
    config: RunConfig, device: torch.device, spec: Architecture | None = None
) -> nn.Module:
    """Build the network on its device and in its format, seeded so that all ranks start equal.

    `spec` replaces the one that the configuration names.
    """
    make = maker(config) if spec is None else partial(build, spec)
    make = make or partial(build, formed(config.model, config.form, config.classes))
    torch.manual_seed(config.seed)  # after imports, which may draw numbers too
    model = make()
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    placed: nn.Module = model.to(device=device, memory_format=layout)  # type: ignore[call-overload]
    give_other_layout(placed, config)
    return placed.train()


def assemble(
    config: RunConfig, module: nn.Module, batches: Batches, device: torch.device
) -> Training:
    """Put engine, loss and optimizer around a model, which takes bytes if batches are bytes."""
    called = module
    optimizer = build_optimizer(
        config.optimizer,
        module.parameters(),
        rate=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        fused=config.fused_optimizer or None,
    )
    if config.pixels == "uint8":
        called = _with_first(_first_operation(config, device), module)
    return Training(
        engine=build_engine(config, called, optimizer, device),
        module=module,
        criterion=nn.functional.cross_entropy,
        device=device,
        amp_dtype=AMP_DTYPES.get(config.amp_dtype),
        batches=batches,
    )


class _After(nn.Module):
    """A model preceded by an operation that is not a module."""

    def __init__(self, first: Normalise, network: nn.Module) -> None:
        super().__init__()
        self.first, self.network = first, network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Run both, one after the other."""
        return self.network(self.first(images))  # type: ignore[no-any-return]


def _with_first(first: Normalise, module: nn.Module) -> nn.Module:
    """Put an operation before a model by a hook, so that its modules and names stay.

    TorchScript's models take no hooks; a module around them calls the operation.
    """
    if isinstance(module, torch.jit.ScriptModule):
        return _After(first, module)
    module.register_forward_pre_hook(lambda _, given: first(given[0]))
    return module


def _first_operation(config: RunConfig, device: torch.device) -> Normalise:
    """Return the operation that turns bytes into floats.

    Our networks begin with a convolution, which takes the autocast type at once.
    """
    mixed = foreign(config.model) is None and config.amp_dtype != "none"
    return Normalise(
        width=config.image_size,
        device=device,
        dtype=AMP_DTYPES[config.amp_dtype] if mixed else torch.float32,
        layout=torch.channels_last if config.channels_last else torch.contiguous_format,
    )
