"""Predicted peak memory against CUDA's own count, and MFU by a data sheet."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch

from resnext_bench.pipelines.synthetic import synthetic_batches
from resnext_bench.reports.figures.cost import predicted_memory
from resnext_bench.resnext.devices import recognised
from resnext_bench.worker.training import assemble, build_model
from tests.system.program import SMALL, run
from tests.worker.made_training import made_config, made_spec

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here"),
]


@pytest.mark.parametrize("channels_last", [True, False], ids=["nhwc", "nchw"])
@pytest.mark.parametrize("amp", ["none", "bf16"])
@pytest.mark.parametrize("batch", [16, 64])
@pytest.mark.parametrize("model", ["resnext50_32x4d", "resnet101", "googlenet"])
def test_peak_of_allocated_bytes(model: str, batch: int, amp: str, channels_last: bool) -> None:
    """Workspaces of cuDNN are in CUDA's count, and not in the prediction."""
    device = torch.device("cuda", 0)
    options = {"model": model, "batch_size": batch, "image_size": 224, "amp_dtype": amp}
    config = made_config(**options, channels_last=channels_last)
    spec = made_spec(config)
    training = assemble(
        config,
        build_model(config, device),
        synthetic_batches(replace(spec, device=device)),
        device,
    )
    for step in range(4):
        if step == 3:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        images, labels = next(training.batches)
        with training.autocast():
            loss = training.criterion(training.engine.model(images), labels)
        training.engine.backward(loss)
        training.engine.update()
    torch.cuda.synchronize()
    memory = predicted_memory(msgspec.structs.replace(config, device="cuda"))
    assert memory is not None
    assert memory.peak == pytest.approx(torch.cuda.max_memory_allocated(), rel=0.1)


def test_mfu_by_the_data_sheet(tmp_path: Path) -> None:
    if recognised(torch.cuda.get_device_name()) is None:
        pytest.skip(f"no data sheet of {torch.cuda.get_device_name()}")
    arguments = ("run", *SMALL, "--steps", "12", "--amp", "--pipeline", "synthetic", "--json")
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    cost = json.loads(done.stdout)["cost"]
    assert "data sheet" in cost["peak_source"] or "white paper" in cost["peak_source"]
    assert 0 < cost["mfu_percent"] < 100
