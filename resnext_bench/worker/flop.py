"""Counts the arithmetic of a training step of a foreign model while it runs.

PyTorch's own counter treats the gradients of a grouped convolution as if it had no groups, which is
`groups` times too many; here, actual multiplications are counted.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import conv_flop_count, flop_registry

from resnext_bench.worker.training import Training


class _Counter(TorchDispatchMode):
    """Adds up the FLOP of products below autograd, including backward's."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flop = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        packet = func._overloadpacket
        if packet is torch.ops.aten.convolution_backward:
            self.flop += _backward_flop(*args)
        elif packet in flop_registry:
            self.flop += flop_registry[packet](*args, **(kwargs or {}), out_val=result)
        return result


def image_flop(training: Training, images: torch.Tensor) -> int | None:
    """Count FLOP of forward and backward per image of a batch [n, ...]; None where that fails.

    The batch goes through the model once more, without engine or optimizer: no parameter changes.
    """
    try:
        return _step_flop(training, images) // len(images)
    except Exception:
        return None


def _step_flop(training: Training, images: torch.Tensor) -> int:
    trained = [one for one in training.module.parameters() if one.requires_grad]
    with _Counter() as counter:
        with training.autocast():
            loss = training.module(images).float().sum()
        torch.autograd.grad(loss, trained, allow_unused=True)
    flop: int = counter.flop
    return flop


def _backward_flop(
    gradient: torch.Tensor,
    images: torch.Tensor,
    weight: torch.Tensor,
    bias_sizes: object,
    stride: object,
    padding: object,
    dilation: object,
    transposed: bool,
    output_padding: object,
    groups: int,
    wanted: Sequence[bool],
) -> int:
    """Count each gradient that is needed like the convolution itself."""
    forward = conv_flop_count(
        list(images.shape), list(weight.shape), list(gradient.shape), transposed=transposed
    )
    return int(forward) * (wanted[0] + wanted[1])
