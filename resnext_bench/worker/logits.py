"""A look at what a model that is not ours gives, in the first of the warm-up steps."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import torch

from resnext_bench.config.models import foreign
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.worker.models import ModelError, how_called, words_for
from resnext_bench.worker.training import Criterion, Training

SYNTHETIC_CLASSES: Final = 1000
"""Of synthetic batches, unless a network of ours has others."""


def first_step_checked(
    training: Training, config: RunConfig, note: Callable[[str], None] = lambda _: None
) -> Training:
    """As `training`, for its first step: what the model gives must be logits of every class.

    Ours give logits by construction. The timed steps know nothing of this. More logits than there
    are classes train as well, and are noted.
    """
    if foreign(config.model) is None:
        return training
    return replace(training, criterion=_checking(training.criterion, config, note))


def _checking(criterion: Criterion, config: RunConfig, note: Callable[[str], None]) -> Criterion:
    def checked(output: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        is_logits = isinstance(output, torch.Tensor) and output.is_floating_point()
        if not is_logits or not _holds_classes(output, config):
            wanted = [config.batch_size, config.classes]
            why = f"gave {words_for(output)} where logits {wanted} are needed"
            raise ModelError(config.model, why + _untold(output, config))
        if output.shape[1] > config.classes:
            note(_more_words(output.shape[1], config))
        return criterion(output, labels)

    return checked


def _holds_classes(output: torch.Tensor, config: RunConfig) -> bool:
    """Whether each image has a logit for every label that may come."""
    return (
        output.dim() == 2
        and output.shape[0] == config.batch_size
        and output.shape[1] >= config.classes
    )


def _more_words(logits: int, config: RunConfig) -> str:
    called = how_called(config)
    synthetic = config.reads_images and logits == SYNTHETIC_CLASSES
    return (
        f"the model gives {logits:,} logits where there are {config.classes:,} classes: labels "
        f"below {config.classes:,} are valid, and its last layer is timed as it is"
        + (f"; {called}" if called else "")
        + (f"; --pipeline synthetic has labels of all {logits:,}" if synthetic else "")
    )


def _untold(output: object, config: RunConfig) -> str:
    """Why the number of classes may be wrong, and what to do."""
    if not isinstance(output, torch.Tensor) or output.dim() != 2:
        return ""
    called = how_called(config)
    words = f"; it is told their number where it takes num_classes ({called})" if called else ""
    if output.shape[0] != config.batch_size or output.shape[1] >= config.classes:
        return words
    few = f"labels from {output.shape[1]} on would have no logit"
    data = f"give --data of at most {output.shape[1]} classes, or a model of {config.classes}"
    return f"{words}; {few}: {data}"
