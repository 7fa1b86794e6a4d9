"""The loss falls on the made data set, and does not where labels mean nothing."""

import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from resnext_bench.config.resolve import DataFacts
from resnext_bench.pipelines.cache import cache_dir
from resnext_bench.pipelines.dali.pipeline import DaliBatches, DaliSource
from resnext_bench.pipelines.images.folder import scan
from resnext_bench.pipelines.making.made_images import ensure_made
from resnext_bench.worker.clock import HostClock
from resnext_bench.worker.loop import run_steps
from resnext_bench.worker.training import build_model
from resnext_bench.worker.witness import Witness
from tests.worker.made_training import CPU, made_config, made_rank_file, made_spec, made_training

STEPS = 110


def last_losses(folder: Path, *, shuffled: bool) -> Sequence[float]:
    images = scan(ensure_made(cache_dir(), workers=2))
    labels = list(images.labels)
    if shuffled:
        random.Random(0).shuffle(labels)
    facts = DataFacts(root=str(images.root), classes=8, made=True)
    config = made_config(
        facts, batch_size=16, image_size=48, learning_rate=0.02, warm_up=1, steps=STEPS, amp=True
    )
    source = DaliSource(root=facts.root, files=images.files, labels=labels, decode="cpu", threads=1)
    batches = DaliBatches(made_spec(config), source)
    training = made_training(config, build_model(config, CPU), batches)
    witness = Witness(1 + STEPS, CPU)
    run_steps(training, HostClock(made_rank_file(folder, config)), witness, 0, 1 + STEPS)
    return witness.losses(range(STEPS - 20, STEPS + 1))


@pytest.mark.slow
@pytest.mark.parametrize("shuffled", [False, True], ids=["true labels", "shuffled labels"])
def test_the_loss_falls_where_labels_mean_something(tmp_path: Path, shuffled: bool) -> None:
    losses = last_losses(tmp_path, shuffled=shuffled)
    mean = sum(losses) / len(losses)
    limit = math.log(8) / 2
    assert mean > 1.5 * limit if shuffled else mean < limit, mean
