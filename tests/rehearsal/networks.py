"""Users' networks for the fake GPU, right ones and some that a GPU would wait for."""

import time
from pathlib import Path
from typing import Final

import torch
from torch import nn

STEP_S: Final = 0.03


class Small(nn.Module):
    """A user's module with all kinds of state: parameters, buffers, a branch on shapes."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Linear(8, num_classes)
        self.register_buffer("scale", torch.ones(8, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        seen = self.body(images)
        if seen.shape[-1] > 1:
            seen = (seen * self.scale.to(seen.dtype)).mean((2, 3), keepdim=True)
        return self.head(seen.flatten(1))


def scripted(num_classes: int = 1000) -> nn.Module:
    """The same, compiled by TorchScript."""
    return torch.jit.script(Small(num_classes))


class LeftOnHost(Small):
    """A tensor that is no buffer stays where it was made."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__(num_classes)
        self.weights = torch.ones(num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images) * self.weights


class PicksByHost(Small):
    """An index on the host is copied to the GPU in each step."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__(num_classes)
        self.order = torch.arange(num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images)[:, self.order]


class MakesOnHost(Small):
    """A tensor of a step is made on the host and copied."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        ramp = torch.linspace(0.9, 1.1, len(images)).to(images.device)
        return super().forward(images) * ramp[:, None]


class ReadsItem(Small):
    """The host waits for a number."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images) * min(1.0, images.float().abs().max().item())


class DecidesOnValue(Small):
    """The host waits to know which way to go."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits = super().forward(images)
        return logits if torch.isfinite(logits).all() else torch.zeros_like(logits)


class LogsOnHost(Small):
    """Activations are kept on the host."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits = super().forward(images)
        self.last = logits.detach().cpu()
        return logits


class CountsOnHost(Small):
    """How many there are decides the shape of what follows."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits = super().forward(images)
        return logits + logits[logits > 0].sum()


class CatchesWhatItReads(Small):
    """An error that the model handles itself hides nothing."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits = super().forward(images)
        try:
            self.last = logits.sum().item()
        except Exception:
            self.last = 0.0
        return logits


class Synchronises(Small):
    """The host waits for everything."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        torch.cuda.synchronize()
        return super().forward(images)


class Paced(Small):
    """Steps of a known least length, so that the watch sees a window of few steps."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        time.sleep(STEP_S)
        return super().forward(images)


class Telling(Paced):
    """Tells the log of its rank with which rules of cuDNN the process was started."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__(num_classes)
        begun = Path("/proc/self/environ").read_text().split("\0")
        print(*(one for one in begun if one.startswith("CUDNN_ERRATA")), flush=True)
