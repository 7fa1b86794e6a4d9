"""How gradients of several ranks become one: DDP, or nothing for a single rank."""

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from reports.schema.config import Engine


def wrap(model: nn.Module, engine: Engine, device: torch.device) -> nn.Module:
    """The model as the loop calls it. DDP averages the gradients while backward runs."""
    if engine == "none":
        return model
    ids = [device.index] if device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=ids)
