"""Proof that a window was training: finite losses, new batches, changed parameters, formats."""

import zlib
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

CHANNELS = 3


class Witness:
    """Keeps each step's loss and the sums of its first image on the device, for later.

    A sum for each channel: of one alone some collide in a long run of small images.
    """

    def __init__(self, steps: int, device: torch.device) -> None:
        self._losses = torch.zeros(steps, device=device)
        self._sums = torch.zeros(steps, CHANNELS, device=device)

    def see(self, step: int, images: torch.Tensor, loss: torch.Tensor) -> None:
        """Two small device operations, no wait."""
        with torch.no_grad():
            self._losses[step] = loss
            self._sums[step] = images[0].sum((1, 2))

    def losses(self, steps: range) -> list[float]:
        """Losses of these steps; waits for the device."""
        values: list[float] = self._losses[steps.start : steps.stop].tolist()
        return values

    def distinct_batches(self, steps: range) -> int:
        """Different first images among these steps."""
        return len({tuple(sums) for sums in self._sums[steps.start : steps.stop].tolist()})


def fewest_distinct(steps: int) -> int:
    """How many distinct first images an honest pipeline shows at least.

    A random crop never repeats, in no epoch; one in ten is left for sums that collide.
    """
    return max(1, int(0.9 * steps))


@dataclass(frozen=True, kw_only=True, slots=True)
class Checksums:
    """A checksum of each parameter's bytes."""

    by_name: dict[str, int]

    @property
    def digest(self) -> str:
        """One word for all parameters: equal on two ranks exactly when every byte is."""
        joined = ",".join(f"{name}={value:08x}" for name, value in self.by_name.items())
        return f"{zlib.crc32(joined.encode()):08x}"

    def unchanged_in(self, later: "Checksums") -> tuple[str, ...]:
        """Names of the parameters with the same bytes in both."""
        return tuple(name for name, value in self.by_name.items() if later.by_name[name] == value)


def checksums(module: nn.Module) -> Checksums:
    """Read every trainable parameter back and sum it up; for outside the window."""
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
    """Which parameters get a gradient: an honest model may have some that its loss ignores."""

    def __init__(self, module: nn.Module) -> None:
        self.unused: set[str] = set()
        self._handles = []
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                self.unused.add(name)
                seen = partial(self._saw_gradient, name)
                self._handles.append(parameter.register_post_accumulate_grad_hook(seen))

    def _saw_gradient(self, name: str, parameter: torch.Tensor) -> None:
        self.unused.discard(name)

    def stop(self) -> None:
        """Take the hooks off: nothing of this is left in the timed window."""
        for handle in self._handles:
            handle.remove()


def format_of(tensor: torch.Tensor) -> str:
    """NHWC or NCHW, read from the strides; "either" where both are the same bytes."""
    channels_last = tensor.is_contiguous(memory_format=torch.channels_last)
    contiguous = tensor.is_contiguous()
    if channels_last and contiguous:
        return "either"
    return "NHWC" if channels_last else "NCHW" if contiguous else "mixed"


class FormatProbe:
    """Memory formats seen in training: convolution weights, their gradients, the input."""

    def __init__(self, module: nn.Module) -> None:
        self.gradients: set[str] = set()
        self._weights = [layer.weight for layer in module.modules() if isinstance(layer, nn.Conv2d)]
        self._handles = [
            weight.register_post_accumulate_grad_hook(self._saw_gradient)
            for weight in self._weights
        ]

    def _saw_gradient(self, weight: torch.Tensor) -> None:
        if weight.grad is not None:
            self.gradients.add(format_of(weight.grad))

    def stop(self) -> None:
        """Take the hooks off: nothing of this is left in the timed window."""
        for handle in self._handles:
            handle.remove()

    @property
    def weight_format(self) -> str:
        """The one format of all convolution weights that have one, or "mixed"; "" without any."""
        return _common({format_of(weight) for weight in self._weights}) if self._weights else ""

    @property
    def gradient_format(self) -> str:
        """The one format of all gradients seen, or "mixed"."""
        return _common(self.gradients)


def _common(formats: set[str]) -> str:
    telling = formats - {"either"}
    return telling.pop() if len(telling) == 1 else ("mixed" if telling else "either")
