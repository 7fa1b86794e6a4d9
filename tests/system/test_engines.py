"""Engines are ways to the same parameters: on the same data and seed they reach the same loss."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.system.program import run

pytestmark = [pytest.mark.system, pytest.mark.slow]
SHORT = (
    *("--pipeline", "synthetic", "--model", "resnext14_4x4d", "--image-size", "32"),
    *("--batch-size", "4", "--steps", "10", "--warm-up", "2", "--learning-rate", "0.0002"),
    *("--nproc-per-node", "2", "--threads", "1", "--allow-unsure", "--allow-invalid", "--json"),
)
DEEPSPEED = ("--engine", "deepspeed", "--zero-stage")


def trained(folder: Path, *options: str) -> dict[str, Any]:
    done = run("run", *SHORT, *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    assert not any("parameters" in why for why in record["sessions"][0]["invalid"])
    return record


def losses(record: dict[str, Any]) -> list[float]:
    return [record["sessions"][0][name] for name in ("first_loss", "last_loss")]


def test_all_reach_the_same_loss(tmp_path: Path) -> None:
    ddp = trained(tmp_path, "--engine", "ddp")
    first, last = losses(ddp)
    assert last < 0.5 * first, "it learns, so that a wrong gradient would be seen"
    views = trained(tmp_path, "--static-graph", "--gradient-as-bucket-view", "--bucket-mib", "1")
    assert losses(views) == pytest.approx(losses(ddp), rel=1e-3)
    for stage, weights in (("0", "NHWC"), ("1", "NCHW"), ("2", "NCHW")):
        zero = trained(tmp_path, *DEEPSPEED, stage)
        # NHWC weights meet the same kernels as DDP's; NCHW ones others, which round otherwise: ten
        # steps from the usual start make 1 % of it on an AMD EPYC and 4 % on an Intel Xeon.
        assert losses(zero) == pytest.approx(losses(ddp), rel=1e-5 if stage == "0" else 6e-2), stage
        assert zero["weight_format"] == weights
        assert any("channels-last was requested" in note for note in zero["notes"]) is (
            stage != "0"
        )
        assert zero["environment"]["versions"]["deepspeed"]


def test_bf16_follows_fp32(tmp_path: Path) -> None:
    exact = trained(tmp_path, "--engine", "ddp")
    mixed = trained(tmp_path, "--engine", "ddp", "--amp")
    assert losses(mixed) == pytest.approx(losses(exact), rel=0.1)
