"""A rank of a run that is really slowed is named by the run's table and by `trace ranks`."""

import json
from pathlib import Path

import pytest

from tests.system.program import run

pytestmark = [pytest.mark.system, pytest.mark.slow]
MODEL = """
import os, time
from torch import nn

class Late(nn.Module):
    def forward(self, batch):
        time.sleep(0.2 if os.environ["RANK"] == "1" else 0)
        return batch

def net(num_classes):
    body = (nn.Conv2d(3, 8, 3, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(Late(), *body, nn.Linear(8, num_classes))
"""


def test_a_slowed_rank_is_named(tmp_path: Path) -> None:
    (tmp_path / "slowed.py").write_text(MODEL)
    words = ("--model", "slowed:net", "--image-size", "32", "--batch-size", "2", "--device", "cpu")
    more = ("--nproc-per-node", "2", "--pipeline", "synthetic", "--steps", "10", "--warm-up", "2")
    profiled = ("--profile", "--profile-steps", "12", "--allow-unsure", "--allow-invalid")
    done = run("run", *words, *more, *profiled, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    (slow,) = (one for one in record["sessions"][0]["facts"]["notes"] if one["kind"] == "rank_slow")
    assert (slow["values"]["rank"], slow["values"]["of"]) == (1, "forward")
    assert slow["values"]["lost_ms"] > 100
    shown = run("runs", "show", record["id"], cwd=tmp_path)
    assert "is slow: it is in forward and optimizer for" in " ".join(shown.stdout.split())
    told = json.loads(run("trace", "ranks", record["id"], "--json", cwd=tmp_path).stdout)
    (straggler,) = told["stragglers"]
    assert told["ranks"][straggler["at"]]["rank"] == 1
    assert straggler["cause"] == "launches"  # it sleeps between operators
    assert straggler["parts"]["launches"] > 100e6
    assert {one["host"] for one in told["ranks"]} == {slow["values"]["host"]}
