"""What each optimizer keeps and moves; memory, traffic and learning rates follow from it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """The way in which an update is made."""

    weight_decay: bool
    momentum: bool
    is_at_once: bool
    """Whether all parameters are updated at once, as on a GPU, and not one after another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Optimizer:
    """One optimizer of torch.optim, with what its costs depend on."""

    states: int
    """Number of tensors that it keeps for each parameter, of its size."""
    has_momentum: bool
    """Whether its state is momentum, which can be switched off; without it there is no state."""
    moved_values: int
    """Number of values per parameter that an update in one kernel reads and writes."""
    copies: Callable[["Update"], int]
    """Returns how many tensors of a parameter's size an update makes for a moment, at most."""
    rate_share: float
    """Usual learning rate, as a share of that with SGD."""
    has_fused: bool
    """Whether PyTorch can update all parameters in one kernel (`--fused-optimizer`)."""
    any_gradient_moves: bool
    """Whether a parameter moves by about the learning rate however small its gradient is."""


def _sgd_copies(update: Update) -> int:
    """Return the number of copies: of the gradient, one for weight decay and one for momentum.

    Where all parameters are updated at once, Nesterov's momentum is added in place, without a copy
    (PyTorch 2.11 to 2.15, torch/optim/sgd.py, _multi_tensor_sgd).
    """
    return int(update.weight_decay) + int(update.momentum and not update.is_at_once)


def _adamw_copies(update: Update) -> int:
    """Return the number of copies: the second state's root and, one by one, what it divides."""
    return 1 if update.is_at_once else 2


OPTIMIZERS: Final = {
    # Nesterov's momentum: parameter, gradient and momentum read, parameter and momentum written.
    "sgd": Optimizer(
        states=1,
        has_momentum=True,
        moved_values=5,
        copies=_sgd_copies,
        rate_share=1.0,
        has_fused=True,
        any_gradient_moves=False,
    ),
    # A second moment more.
    "adamw": Optimizer(
        states=2,
        has_momentum=False,
        moved_values=7,
        copies=_adamw_copies,
        rate_share=0.01,
        has_fused=True,
        any_gradient_moves=True,
    ),
}
"""Optimizers by the word that `--optimizer` takes."""
