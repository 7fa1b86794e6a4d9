"""Batches of torchvision on a real GPU: bytes through pinned memory, normalised there."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from resnext_bench.pipelines.torchvision import TorchvisionBatches, TorchvisionSource
from tests.worker.made_training import made_config, made_spec

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here"),
]


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_same_batches_as_on_the_cpu(tmp_path: Path, channels_last: bool) -> None:
    files = [f"{index}.png" for index in range(5)]
    for name in files:
        Image.effect_noise((60, 50), 90).convert("RGB").save(tmp_path / name)
    source = TorchvisionSource(
        root=str(tmp_path), files=files, labels=range(5), processes=2, begin=lambda: None
    )
    spec = replace(made_spec(made_config()), channels_last=channels_last)
    here = TorchvisionBatches(spec, source)
    there = TorchvisionBatches(replace(spec, device=torch.device("cuda", 0)), source)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    for _ in range(6):
        (images, labels), (on_gpu, labels_there) = next(here), next(there)
        assert on_gpu.is_cuda
        assert labels_there.is_cuda
        assert on_gpu.is_contiguous(memory_format=layout)
        torch.testing.assert_close(on_gpu.cpu(), images)
        assert torch.equal(labels_there.cpu(), labels)
    here.close()
    there.close()
