"""Collects proof that a window was training: losses, new batches, changed parameters, formats."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import nn

from resnext_bench.resnext.optimizers import OPTIMIZERS

CHANNELS = 3


class Witness:
    """Keeps each step's loss and the sums of its first image on the device for later.

    There is a sum for each channel, as single sums collide in a long run of small images.
    """

    def __init__(self, steps: int, device: torch.device) -> None:
        self._losses = torch.zeros(steps, device=device)
        self._sums = torch.zeros(steps, CHANNELS, device=device)

    def see(self, step: int, images: torch.Tensor, loss: torch.Tensor) -> None:
        """Run two small device operations, without waiting.

        Floats are summed in fp32, as fp16 ends at 65,504, which the sum of a bright picture
        exceeds; bytes are summed as integers.
        """
        dtype = torch.float32 if images.is_floating_point() else None
        with torch.no_grad():
            self._losses[step] = loss
            self._sums[step] = images[0].sum((1, 2), dtype=dtype)

    def losses(self, steps: range) -> list[float]:
        """Return the losses of these steps; this waits for the device."""
        values: list[float] = self._losses[steps.start : steps.stop].tolist()
        return values

    def distinct_batches(self, steps: range) -> int:
        """Count different first images among these steps."""
        return len({tuple(sums) for sums in self._sums[steps.start : steps.stop].tolist()})


class Sees(Protocol):
    """An observer of each step of the loop."""

    def see(self, step: int, images: torch.Tensor, loss: torch.Tensor) -> None:
        """Called between forward and backward; must not wait for the device."""


class FirstImages:
    """A witness that also keeps the images if it is told to."""

    def __init__(self, witness: Witness, *, keep: bool) -> None:
        self._witness, self._keep = witness, keep
        self.images: torch.Tensor | None = None

    def see(self, step: int, images: torch.Tensor, loss: torch.Tensor) -> None:
        """Observe like a witness, and keep a copy, as loaders may reuse a batch's memory."""
        self._witness.see(step, images, loss)
        if self._keep:
            self.images = images.detach().clone(memory_format=torch.preserve_format)


def fewest_distinct(steps: int) -> int:
    """Return the fewest distinct first images of an honest pipeline.

    A random crop never repeats in any epoch; one in ten is allowed for sums that collide.
    """
    return max(1, int(0.9 * steps))


@dataclass(frozen=True, kw_only=True, slots=True)
class Checksums:
    """A checksum of each parameter's bytes."""

    by_name: dict[str, int]

    @property
    def digest(self) -> str:
        """Return one digest of all parameters: equal on two ranks exactly when every byte is."""
        joined = ",".join(f"{name}={value:08x}" for name, value in self.by_name.items())
        return f"{zlib.crc32(joined.encode()):08x}"

    def unchanged_in(self, later: "Checksums") -> tuple[str, ...]:
        """List the parameters with the same bytes in both."""
        return tuple(name for name, value in self.by_name.items() if later.by_name[name] == value)


def checksums(module: nn.Module) -> Checksums:
    """Read every trainable parameter back and sum it up, outside the window."""
    return Checksums(
        by_name={
            name: _crc(parameter)
            for name, parameter in module.named_parameters()
            if parameter.requires_grad
        }
    )


def _crc(parameter: nn.Parameter) -> int:
    flat = parameter.detach().cpu().contiguous().view(-1)
    return zlib.crc32(flat.view(torch.uint8).numpy().data)


class UseProbe:
    """Finds which parameters get a gradient, and which get one that changes them.

    An honest model may have parameters that its loss ignores, and some whose gradient is zero apart
    from rounding, as a bias before a norm.
    """

    def __init__(self, module: nn.Module, moves: "Moves | None" = None) -> None:
        self.unused: set[str] = set()
        self._moves, self._moved = moves, dict[str, torch.Tensor]()
        self._handles = []
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                self.unused.add(name)
                seen = partial(self._saw_gradient, name)
                self._handles.append(parameter.register_post_accumulate_grad_hook(seen))

    def _saw_gradient(self, name: str, parameter: torch.Tensor) -> None:
        self.unused.discard(name)
        if self._moves and parameter.grad is not None:
            with torch.no_grad():  # kept on the device: nothing waits for it
                moved = self._moves(parameter, parameter.grad)
                self._moved[name] = moved | self._moved[name] if name in self._moved else moved

    @property
    def idle(self) -> set[str]:
        """List those with a gradient that is zero, or too small to change a value of their type."""
        return {name for name, moved in self._moved.items() if not bool(moved)}

    def stop(self) -> None:
        """Remove the hooks, so that nothing of this is left in the timed window."""
        for handle in self._handles:
            handle.remove()


Moves = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Computes whether a gradient changes any value of its parameter, as a flag on the device."""


def moves_by(
    optimizer: str, rate: float, momentum: float, scale: Callable[[], float] = lambda: 1.0
) -> Moves:
    """Return what an optimizer makes of gradients, which are multiplied by `scale`.

    Some divide gradients by their size, so any that is not zero counts. The others' steps grow with
    their momentum; weight decay is left out, as it is not a gradient.
    """

    def any_gradient(_: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        values = gradient.coalesce().values() if gradient.is_sparse else gradient
        return (values != 0).any()

    def large_gradient(parameter: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        if gradient.is_sparse:
            return any_gradient(parameter, gradient)
        step = gradient.abs() * (rate / max(1 - momentum, 0.01) / scale())
        return (step > parameter.abs() * (torch.finfo(parameter.dtype).eps / 4)).any()

    return any_gradient if OPTIMIZERS[optimizer].any_gradient_moves else large_gradient


def format_of(tensor: torch.Tensor) -> str:
    """Return NHWC or NCHW by the strides; "either" where both are the same bytes."""
    channels_last = tensor.is_contiguous(memory_format=torch.channels_last)
    contiguous = tensor.is_contiguous()
    if channels_last and contiguous:
        return "either"
    return "NHWC" if channels_last else "NCHW" if contiguous else "mixed"


class FormatProbe:
    """Records the memory formats in training: convolution weights, their gradients, the input."""

    def __init__(self, module: nn.Module) -> None:
        self.gradients: set[str] = set()
        self._weights = [layer.weight for layer in module.modules() if isinstance(layer, nn.Conv2d)]
        self._handles = [
            weight.register_post_accumulate_grad_hook(self._saw_gradient)
            for weight in self._weights
            if weight.requires_grad
        ]

    def _saw_gradient(self, weight: torch.Tensor) -> None:
        if weight.grad is not None:
            self.gradients.add(format_of(weight.grad))

    def stop(self) -> None:
        """Remove the hooks, so that nothing of this is left in the timed window."""
        for handle in self._handles:
            handle.remove()

    @property
    def weight_format(self) -> str:
        """The common format of all convolution weights that have one, "mixed", or ""."""
        return _common({format_of(weight) for weight in self._weights}) if self._weights else ""

    @property
    def gradient_format(self) -> str:
        """The common format of all gradients seen, or "mixed"."""
        return _common(self.gradients)


def _common(formats: set[str]) -> str:
    telling = formats - {"either"}
    return telling.pop() if len(telling) == 1 else ("mixed" if telling else "either")
