"""No batch on a real GPU is overwritten before the kernels that were queued have read it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

pytest.importorskip("nvidia.dali", reason="DALI is not installed")

from resnext_bench.pipelines.batches import Batches, Pixels
from resnext_bench.rankfile import RankFile
from resnext_bench.worker.clock import CudaClock
from resnext_bench.worker.loop import run_steps
from resnext_bench.worker.training import assemble
from resnext_bench.worker.witness import Witness
from tests.gpu.test_loaders import WAYS, Decode
from tests.pipelines.loaders import Loader, Wanted, opened
from tests.worker.made_training import made_config

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here"),
]

GPU = torch.device("cuda", 0)
FILES, STEPS, BATCH = 200, 40, 32
LATE_CYCLES = 60_000_000
"""For how long a step is busy before it reads its batch."""


@pytest.fixture
def photos(tmp_path: Path) -> Wanted:
    """Pictures of one colour each, as large as ImageNet's."""
    root = tmp_path / "photos" / "all"
    root.mkdir(parents=True)
    files = [f"{number:03}.jpg" for number in range(FILES)]
    for number, file in enumerate(files):
        Image.new("RGB", (500, 375), (number,) * 3).save(root / file)
    return Wanted(
        root=root, files=files, labels=[0] * FILES, device=GPU, batch_size=BATCH, size=224
    )


class Means(nn.Module):
    """Keeps the mean of each picture, read at once or long after its batch was taken."""

    def __init__(self, *, late: bool) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1, device=GPU))
        self.found = torch.zeros(STEPS, BATCH, device=GPU)
        self._late, self._step = late, 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self._late:
            torch.cuda._sleep(LATE_CYCLES)
        self.found[self._step] = images.float().mean((1, 2, 3))
        self._step += 1
        if not self._late:
            torch.cuda.synchronize()
        return self.scale.expand(BATCH, 8)


def means(batches: Batches, folder: Path, *, late: bool) -> torch.Tensor:
    """What the kernels of our loop found in each batch."""
    # Whatever the pixels are, the model gets them as they come.
    config = made_config(batch_size=BATCH, warm_up=1, steps=STEPS - 1, pixels="fp32")
    model = Means(late=late)
    training = assemble(config, model, batches, GPU)
    file = RankFile.create(folder / f"{late}.bin", rank=0, pid=1, warm_up=1, steps=STEPS - 1)
    clock = CudaClock(file, GPU)
    clock.start_window()
    run_steps(training, clock, Witness(STEPS, GPU), 0, STEPS)
    clock.stop_window()
    return model.found


@pytest.mark.parametrize("pixels", ["uint8", "fp32"])
@pytest.mark.parametrize(("loader", "decode"), WAYS)
def test_what_is_read_late_is_what_was_there_early(
    photos: Wanted, tmp_path: Path, loader: Loader, decode: Decode, pixels: Pixels
) -> None:
    wanted = replace(photos, pixels=pixels, decode=decode)
    found = []
    for late in (False, True):
        with opened(loader, wanted) as batches:
            found.append(means(batches, tmp_path, late=late))
    torch.testing.assert_close(*found, atol=1.0 if pixels == "uint8" else 0.02, rtol=0)
