"""Models of others, measured as a user measures them."""

import json
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.lab.networks import parameters
from resnext_bench.resnext.names import parse
from tests.system.program import record, run

pytestmark = pytest.mark.system
SHORT = (
    *("--image-size", "32", "--batch-size", "2", "--warm-up", "2", "--steps", "4"),
    *("--pipeline", "synthetic", "--threads", "1", "--allow-unsure", "--allow-invalid"),
)
NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.head = nn.Linear(3, num_classes)
        self.spare = nn.Linear(2, 2)

    def forward(self, images):
        return self.head(images.mean((2, 3)))
"""


def measured(folder: Path, model: str) -> dict[str, Any]:
    done = run("run", "--model", model, *SHORT, "--json", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["resolved"]["model"] == model
    assert not any("parameters" in why for why in found["sessions"][0]["invalid"])
    return found


@pytest.mark.slow
def test_a_form_of_ours_with_what_it_costs(tmp_path: Path) -> None:
    """The record's figures are the run's own: form, classes, MFU, memory."""
    done = run("run", "--model", "resnext14_4x4d", "--form", "b", *SHORT, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    cost, figures = found["cost"], found["figures"]
    assert found["resolved"]["form"] == "b"
    assert cost["parameters"] == parameters(parse("resnext14_4x4d"))
    assert cost["mfu_percent"] == pytest.approx(
        100 * figures["images_per_s"] * cost["training_gflop"] / (1e3 * cost["peak_tflops"])
    )
    assert cost["peak_source"] == "a large matrix product in fp32, measured after the window"
    assert 0.05 < cost["predicted_gib"] < figures["peak_gib"]
    table = run("runs", "show", found["id"], cwd=tmp_path).stdout
    assert "form (b)" in table
    assert "MFU" in table
    asked = run("runs", "query", "SELECT form, mfu_percent > 0 AS m FROM runs", cwd=tmp_path)
    assert asked.stdout.split()[-2:] == ["b", "True"]


def test_a_class_in_the_users_folder_which_has_a_bench_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "__init__.py").write_text("raise RuntimeError('the wrong bench')\n")
    found = measured(tmp_path, "net:Net")
    assert found["weight_format"] == ""
    (note,) = (note for note in found["notes"] if "no gradient" in note)
    assert note == (
        "2 parameters get no gradient, as the loss does not depend on them (spare.weight …)"
    )
    listed = run("runs", "list", "--model", "net:", "--json", cwd=tmp_path)
    assert [one["id"] for one in json.loads(listed.stdout)] == [found["id"]]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["torchvision:resnet18", "timm:resnet10t"])
def test_a_library(tmp_path: Path, model: str) -> None:
    found = measured(tmp_path, model)
    assert found["weight_format"] == "NHWC"
    assert found["environment"]["versions"][model.partition(":")[0]]


@pytest.mark.slow
def test_a_name_that_only_the_module_itself_can_tell(tmp_path: Path) -> None:
    (tmp_path / "lazy.py").write_text("def __getattr__(name): raise AttributeError(name)\n")
    done = run("run", "--model", "lazy:Net", *SHORT, cwd=tmp_path)
    assert done.returncode == 4
    what = record(tmp_path / "runs")["failure"]["what"]
    assert what.startswith("rank 0: ModelError: --model lazy:Net: no Net in ")
