"""Checks the output of a foreign model in the first warm-up step."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import torch

from resnext_bench.config.models import foreign
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.worker.models import ModelError, how_called, words_for
from resnext_bench.worker.training import Criterion, Training

SYNTHETIC_CLASSES: Final = 1000
"""Classes of synthetic batches, unless one of our networks has others."""


def first_step_checked(
    training: Training, config: RunConfig, note: Callable[[str], None] = lambda _: None
) -> Training:
    """Return `training` for its first step, which checks that outputs are logits of every class.

    Our own models give logits by construction. Timed steps are not affected. More logits than
    classes can be trained as well, and are noted.
    """
    if foreign(config.model) is None:
        return training
    return replace(training, criterion=_checking(training.criterion, config, note))


def _checking(criterion: Criterion, config: RunConfig, note: Callable[[str], None]) -> Criterion:
    def checked(output: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        is_logits = isinstance(output, torch.Tensor) and output.is_floating_point()
        if not is_logits or not _holds_classes(output, config):
            wanted = [config.batch_size, config.classes]
            why = f"returned {words_for(output)} instead of logits {wanted}"
            raise ModelError(config.model, why + _untold(output, config))
        if output.shape[1] > config.classes:
            note(_more_words(output.shape[1], config))
        return criterion(output, labels)

    return checked


def _holds_classes(output: torch.Tensor, config: RunConfig) -> bool:
    """Return whether each image has a logit for every possible label."""
    return (
        output.dim() == 2
        and output.shape[0] == config.batch_size
        and output.shape[1] >= config.classes
    )


def _more_words(logits: int, config: RunConfig) -> str:
    called = how_called(config)
    synthetic = config.reads_images and logits == SYNTHETIC_CLASSES
    return (
        f"the model returns {logits:,} logits, but there are {config.classes:,} classes: only "
        f"labels below {config.classes:,} occur, and the last layer is timed as it is"
        + (f"; {called}" if called else "")
        + (f"; --pipeline synthetic has labels of all {logits:,}" if synthetic else "")
    )


def _untold(output: object, config: RunConfig) -> str:
    """Return why the number of classes may be wrong, and what to do."""
    if not isinstance(output, torch.Tensor):
        return "; name a function that builds a model whose forward returns the logits alone"
    if output.dim() != 2:
        return ""
    called = how_called(config)
    words = f"; a model is given their number if it takes num_classes ({called})" if called else ""
    if output.shape[0] != config.batch_size or output.shape[1] >= config.classes:
        return words
    few = f"labels from {output.shape[1]} on would have no logit"
    data = f"give --data with at most {output.shape[1]} classes, or a model with {config.classes}"
    return f"{words}; {few}: {data}"
