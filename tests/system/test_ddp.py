"""DDP against one process: two ranks with half the batch are one rank with all of it."""

import os
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from resnext_bench.resnext.modules.build import build
from resnext_bench.resnext.names import parse
from resnext_bench.worker.engine import wrap
from tests.reports.made_results import made_config

pytestmark = pytest.mark.system
CPU = torch.device("cpu")


def made_model() -> nn.Module:
    torch.manual_seed(0)
    return build(parse("resnext14_4x4d"), classes=8).double().eval()


def made_batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(8, 3, 32, 32, dtype=torch.float64, generator=generator)
    return images, torch.randint(8, (8,), generator=generator)


def gradients(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> list[torch.Tensor]:
    nn.functional.cross_entropy(model(images), labels).backward()
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


def rank_main(rank: int, store: str, out: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    images, labels = made_batch()
    half = slice(4 * rank, 4 * rank + 4)
    found = gradients(wrap(made_config(), made_model(), CPU), images[half], labels[half])
    torch.save(found, f"{out}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_halves_are_a_whole(tmp_path: Path) -> None:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    mp.spawn(rank_main, args=(str(tmp_path / "store"), str(tmp_path)), nprocs=2)
    expected = gradients(wrap(made_config(engine="none"), made_model(), CPU), *made_batch())
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt")
        assert len(found) == len(expected)
        for ours, whole in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, whole, rtol=1e-9, atol=1e-12)
