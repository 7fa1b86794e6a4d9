"""Commands that load, with a real GPU."""

import json
from pathlib import Path

import pytest
import torch

from tests.system.program import SMALL, run

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here"),
]


@pytest.mark.parametrize("pixels", ["uint8", "fp16"])
@pytest.mark.parametrize("decode", ["cpu", "mixed"])
def test_training_from_dali(tmp_path: Path, decode: str, pixels: str) -> None:
    pytest.importorskip("nvidia.dali", reason="DALI is not installed")
    options = ("--pipeline", "dali", "--decode", decode, "--pixels", pixels, "--amp")
    done = run("run", *SMALL, *options, "--steps", "12", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["resolved"]["decode"], record["status"]) == (decode, "ok")
    assert record["figures"]["data_wait_ms"] >= 0


@pytest.mark.parametrize("pipeline", ["dali", "torchvision"])
def test_what_loading_costs(tmp_path: Path, pipeline: str) -> None:
    if pipeline == "dali":
        pytest.importorskip("nvidia.dali", reason="DALI is not installed")
    options = ("--pipeline", pipeline, "--attribution-rounds", "4", "--loader-threads", "2")
    done = run("run", *SMALL, *options, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["attribution"]
    sides = {side["name"]: side["mean_ms"]["value"] for side in found["sides"]}
    assert {"synthetic", "loader", "copy", "real", "double"} <= set(sides)
    assert 0 < sides["copy"] < sides["loader"], "bytes of 32 px are copied faster than made"


def test_sweep_of_loaders(tmp_path: Path) -> None:
    pytest.importorskip("nvidia.dali", reason="DALI is not installed")
    options = ("--pipeline", "dali", "--loader-threads", "1,2", "--prefetch", "2", "--rounds", "4")
    done = run("data", "bench", *options, "--allow-unsure", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rates = json.loads(done.stdout)["threads"]
    assert {rate["setting"]["decode"] for rate in rates} == {"cpu", "mixed"}
