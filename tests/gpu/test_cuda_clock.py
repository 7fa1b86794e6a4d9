"""CUDA events against the host's clock, on a real GPU."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from resnext_bench.pipelines.synthetic import synthetic_batches
from resnext_bench.rankfile import RankFile
from resnext_bench.worker.clock import CudaClock, columns
from resnext_bench.worker.loop import run_steps
from resnext_bench.worker.training import assemble, build_model
from resnext_bench.worker.witness import Witness
from tests.system.program import SMALL, run
from tests.worker.made_training import made_config, made_spec

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here"),
]


def test_events_tile_the_window(tmp_path: Path) -> None:
    device = torch.device("cuda", 0)
    config = made_config(
        device="cpu", model="resnext50_32x4d", batch_size=32, image_size=224, warm_up=5, steps=20
    )
    spec = made_spec(config)
    batches = synthetic_batches(replace(spec, device=device))
    training = assemble(config, build_model(config, device), batches, device)
    file = RankFile.create(tmp_path / "rank-0.bin", rank=0, pid=1, warm_up=5, steps=20)
    clock, witness = CudaClock(file, device), Witness(25, device)
    run_steps(training, clock, witness, 0, 5)
    clock.start_window()
    run_steps(training, clock, witness, 5, 20)
    clock.stop_window()
    found = columns(clock.device_marks(range(5, 25)), clock.host_marks(range(5, 25)))
    assert min(found["forward_ns"]) > 0
    assert min(found["backward_ns"]) > 0
    assert abs(sum(found["step_ns"]) / clock.window_ns - 1) < 0.02


def test_the_program_uses_the_gpu(tmp_path: Path) -> None:
    arguments = ("run", *SMALL, "--steps", "12", "--amp", "--pipeline", "synthetic", "--json")
    for nodes in ("1", "2"):  # with one GPU, two emulated nodes share it, over gloo
        done = run(*arguments, "--nodes", nodes, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        record = json.loads(done.stdout)
        assert record["resolved"]["device"] == "cuda"
        figures = record["figures"]
        assert 0 < figures["peak_gib"] <= figures["reserved_gib"] < figures["device_gib"]
