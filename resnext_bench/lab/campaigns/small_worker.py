"""The shipped resident worker around a network small enough for many blocks a second.

One block of ResNeXt between stem and classifier takes 4 ms a step where fourteen layers take 30, so
that ten steps are short beside the bursts of a shared machine, and many blocks fit into a session.
"""

import torch
from torch import nn

from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.resnext.spec import ResNeXtSpec
from resnext_bench.worker.clock import HostClock
from resnext_bench.worker.entry import Rank, enter
from resnext_bench.worker.resident import run_rank
from resnext_bench.worker.training import build_model


def run_small(rank: Rank, clock: HostClock | None = None) -> None:
    """Follow the token as the shipped worker does, with the small network."""
    run_rank(rank, clock, build_small)


def build_small(config: RunConfig, device: torch.device) -> nn.Module:
    """Return one stage of one block, whatever the configuration."""
    spec = ResNeXtSpec(
        name=config.model,
        blocks=(1,),
        cardinality=8,
        width=4,
        form=config.form,
        classes=config.classes,
    )
    return build_model(config, device, spec)


if __name__ == "__main__":
    enter("resnext_bench.lab.campaigns.small_worker:run_small")
