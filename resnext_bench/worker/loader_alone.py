"""A network that does nothing with its images, so that a step takes only as long as loading.

The loop, its marks and its proofs are those of training: what is timed is the same `next` and the
same copy to the device.
"""

import msgspec
import torch
from torch import nn

from resnext_bench.pipelines.batches import Batches
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.worker.training import Training, assemble


class Nothing(nn.Module):
    """Returns its only parameter as logits [batch, classes], whatever the images are."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits without reading a pixel."""
        return self.logits.expand(len(images), -1)


def assemble_nothing(config: RunConfig, batches: Batches, device: torch.device) -> Training:
    """Assemble training of `Nothing`: no engine, precision or first operation on bytes."""
    plain = msgspec.structs.replace(
        config,
        engine="none",
        amp_dtype="none",
        pixels="fp32",
        compile_mode="none",
        optimizer="sgd",
        momentum=0.0,
    )
    return assemble(plain, Nothing(config.classes).to(device), batches, device)
