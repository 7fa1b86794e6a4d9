"""Models whose step is as long as their name says, for checks of what loading costs.

`--model resnext_bench.lab.campaigns.paced:sleeping.us_40000` waits 40 ms and leaves its core to
others, like a process that waits for a GPU; `busy.times_300` of the same module multiplies
matrices, 300 times, on one core.
"""

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

SIDE = 160
"""Edge of a matrix, which fits into a core's own cache."""


class _Paced(nn.Module):
    """A model whose logits are its only parameter, returned after some work."""

    def __init__(self, work: Callable[[], None], num_classes: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(num_classes))
        self._work = work

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, classes]; they do not depend on the images."""
        self._work()
        return self.logits.expand(len(images), -1)


class _Family:
    """Makes a model from the number in its name."""

    def __init__(self, make: Callable[[int], Callable[[], None]]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Callable[..., nn.Module]:
        _, _, number = name.rpartition("_")
        if not number.isdigit():
            raise AttributeError(name)
        return partial(self._built, int(number))

    def _built(self, number: int, num_classes: int) -> nn.Module:
        return _Paced(self._make(number), num_classes)


def multiplied(times: int) -> Callable[[], None]:
    """Return work of this many matrix products, in one thread where PyTorch has one."""
    a, b = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    out = torch.empty(SIDE, SIDE)

    def work() -> None:
        for _ in range(times):
            torch.mm(a, b, out=out)

    return work


sleeping = _Family(lambda us: partial(time.sleep, us / 1e6))
busy = _Family(multiplied)
