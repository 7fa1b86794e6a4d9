"""What optimizers keep and move, by name: memory, traffic and learning rates follow from it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """How an update is made."""

    weight_decay: bool
    momentum: bool
    is_at_once: bool
    """Whether it works on all parameters at once, as on a GPU, and not on one after another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Optimizer:
    """One optimizer of torch.optim, as far as its costs go."""

    states: int
    """Tensors of a parameter's size that it keeps for each."""
    has_momentum: bool
    """Whether its state is momentum, which may be switched off: then it keeps none."""
    moved_values: int
    """Values that an update in one kernel reads and writes for each parameter."""
    copies: Callable[["Update"], int]
    """Tensors of a parameter's size that an update makes for a moment, at most."""
    rate_share: float
    """Of the learning rate that is usual with SGD."""
    any_gradient_moves: bool
    """Whether a parameter moves by about the learning rate however small its gradient is."""


def _sgd_copies(update: Update) -> int:
    """Weight decay and Nesterov's momentum make one of the gradient each.

    Where all parameters are updated at once, Nesterov's is added in place (PyTorch 2.11 to 2.15,
    torch/optim/sgd.py, _multi_tensor_sgd).
    """
    return int(update.weight_decay) + int(update.momentum and not update.is_at_once)


def _adamw_copies(update: Update) -> int:
    """One of its second state's root, and one by one another that divides it."""
    return 1 if update.is_at_once else 2


OPTIMIZERS: Final = {
    # Nesterov's momentum: parameter, gradient and momentum read, parameter and momentum written.
    "sgd": Optimizer(
        states=1,
        has_momentum=True,
        moved_values=5,
        copies=_sgd_copies,
        rate_share=1.0,
        any_gradient_moves=False,
    ),
    # A second moment more.
    "adamw": Optimizer(
        states=2,
        has_momentum=False,
        moved_values=7,
        copies=_adamw_copies,
        rate_share=0.01,
        any_gradient_moves=True,
    ),
}
"""By the word that `--optimizer` takes."""
