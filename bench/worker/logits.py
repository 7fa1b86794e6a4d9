"""A look at what a model that is not ours gives, in the first of the warm-up steps."""

from dataclasses import replace

import torch

from bench.config.models import foreign
from bench.worker.models import ModelError, words_for
from bench.worker.training import Criterion, Training
from reports.schema.config import RunConfig


def first_step_checked(training: Training, config: RunConfig) -> Training:
    """As `training`, for its first step: what the model gives must be logits.

    Ours give logits by construction. The timed steps know nothing of this.
    """
    if foreign(config.model) is None:
        return training
    return replace(training, criterion=_checking(training.criterion, config))


def _checking(criterion: Criterion, config: RunConfig) -> Criterion:
    def checked(output: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        wanted = (config.batch_size, config.classes)
        is_logits = isinstance(output, torch.Tensor) and output.is_floating_point()
        if not is_logits or tuple(output.shape) != wanted:
            why = f"gave {words_for(output)} where logits {list(wanted)} are needed"
            raise ModelError(config.model, why + _untold(output, config))
        return criterion(output, labels)

    return checked


def _untold(output: object, config: RunConfig) -> str:
    """Why the number of classes may be wrong."""
    named = foreign(config.model)
    if named and named.is_own and isinstance(output, torch.Tensor) and output.dim() == 2:
        return "; it is told their number where it takes num_classes"
    return ""
