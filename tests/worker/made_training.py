"""Small training set-ups for tests of the worker, in this process."""

from pathlib import Path

import torch
from torch import nn

from resnext_bench.config.resolve import DataFacts, resolve
from resnext_bench.machine.inventory import Machine
from resnext_bench.pipelines.batches import Batches, BatchSpec
from resnext_bench.pipelines.synthetic import synthetic_batches
from resnext_bench.rankfile import RankFile
from resnext_bench.reports.schema.config import Option, RunConfig
from resnext_bench.worker.training import Training, assemble

LAPTOP = Machine(
    cores=(0, 1), physical_cores=2, usable_cores=2, memory_gib=16.0, gpus=(), cpu_name="CPU"
)
CPU = torch.device("cpu")


def made_config(data: DataFacts | None = None, **options: Option) -> RunConfig:
    """A configuration of two cores and no GPU."""
    small = {"model": "resnext14_4x4d", "image_size": 32, "batch_size": 2, "device": "cpu"}
    pipeline = {} if data else {"pipeline": "synthetic"}
    return resolve({**small, **pipeline, **options}, LAPTOP, data).config


def made_spec(config: RunConfig, rank: int = 0) -> BatchSpec:
    """What a rank of this configuration wants."""
    return BatchSpec(
        batch_size=config.batch_size,
        image_size=config.image_size,
        classes=config.classes,
        channels_last=config.channels_last,
        device=CPU,
        seed=config.seed,
        rank=rank,
        world_size=config.world_size,
        pixels=config.pixels,
    )


def made_training(config: RunConfig, module: nn.Module, batches: Batches | None = None) -> Training:
    """A training of `module`, on noise unless batches are given."""
    return assemble(config, module, batches or synthetic_batches(made_spec(config)), CPU)


def made_rank_file(folder: Path, config: RunConfig) -> RankFile:
    """A rank file in a temporary folder."""
    path = folder / "rank-0.bin"
    return RankFile.create(path, rank=0, pid=1, warm_up=config.warm_up, steps=config.steps)
