"""A real GPU that is steps behind the host reads each batch of DALI's before it is written over."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal

import pytest
import torch
from PIL import Image
from torch import nn

pytest.importorskip("nvidia.dali", reason="DALI is not installed")

from resnext_bench.pipelines.batches import Batches
from resnext_bench.pipelines.epochs import Orders
from resnext_bench.worker.clock import clock_for
from resnext_bench.worker.loop import run_steps
from resnext_bench.worker.training import assemble
from resnext_bench.worker.witness import Witness
from tests.pipelines.loaders import Wanted, opened
from tests.worker.made_training import made_config, made_rank_file

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here"),
]

GPU = torch.device("cuda", 0)
STEPS, BATCH, FILES, LEVELS_APART = 60, 32, 200, 1
STEP_CYCLES = 60_000_000
"""Some tens of milliseconds of a GPU, in which the host prepares steps ahead."""


class Late(nn.Module):
    """Looks at a batch when the GPU has done what was queued before."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones((), device=device))
        self.levels = torch.zeros(STEPS, BATCH, device=device)
        self._step = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if images.is_cuda:
            torch.cuda._sleep(STEP_CYCLES)
        found = images.float().mean((1, 2, 3))
        with torch.no_grad():
            self.levels[self._step] = found
        self._step += 1
        return found[:, None] * self.weight


def seen_by(model: Late, batches: Batches, device: torch.device, folder: Path) -> torch.Tensor:
    """Train, and return the brightness of all pictures as the model saw it."""
    config = made_config(warm_up=1, steps=STEPS - 1, batch_size=BATCH)
    training = assemble(config, model, batches, device)
    training = replace(training, criterion=lambda output, labels: output.sum())
    clock = clock_for(device, made_rank_file(folder, config))
    clock.start_window()
    run_steps(training, clock, Witness(STEPS, device), 0, STEPS)
    clock.stop_window()
    return model.levels.cpu()


@pytest.mark.parametrize("decode", ["mixed", "cpu"])
def test_late_is_as_good_as_early(tmp_path: Path, decode: Literal["cpu", "mixed"]) -> None:
    root = tmp_path / "pictures"
    root.mkdir()
    files = [f"{number:03}.jpg" for number in range(FILES)]
    for number, name in enumerate(files):
        Image.new("RGB", (500, 375), (number,) * 3).save(root / name)
    wanted = Wanted(root=root, files=files, batch_size=BATCH, size=224, device=GPU, decode=decode)
    with opened("dali", wanted) as batches:
        found = seen_by(Late(GPU), batches, GPU, tmp_path)
    orders = islice(Orders(wanted.spec().share(FILES)), STEPS)
    expected = torch.tensor([[float(one.item) for one in order] for order in orders])
    changed = ((found - expected).abs().amax(1) > LEVELS_APART).nonzero().flatten().tolist()
    assert changed == [], "batches that were written over before they were read"
