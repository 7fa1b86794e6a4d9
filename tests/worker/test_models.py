"""Networks of others: built without weights of theirs, and refused in one line where they fail."""

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import nn

from bench.worker.clock import HostClock
from bench.worker.logits import first_step_checked
from bench.worker.loop import run_steps
from bench.worker.models import ModelError
from bench.worker.training import build_model
from bench.worker.witness import FormatProbe, UseProbe, Witness
from reports.schema.config import RunConfig
from tests.worker.made_training import CPU, made_config, made_rank_file, made_training

NETS = """
from torch import nn

class Told(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, num_classes)
    def forward(self, images):
        return self.head(self.conv(images).mean((2, 3)))

class Spare(Told):
    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.spare = nn.Linear(2, 2)

class Flat(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.head = nn.Linear(3, num_classes)
    def forward(self, images):
        return self.head(images.mean((2, 3)))

class Dict(Told):
    def forward(self, images):
        return {"out": super().forward(images)}

class Nets:
    @staticmethod
    def small(**options):
        return Told(**options)

def untold(width=4): return Told()
def bare(num_classes): return nn.Flatten()
def number(): return 7
built, value = Told(), 7
"""


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's, in which they stand."""
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "needy.py").write_text("import no_such_package\n")
    (tmp_path / "json.py").write_text("raise RuntimeError('shadows the standard library')\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    for name in ("nets", "needy"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def config_of(model: str, **options: Any) -> RunConfig:
    """As resolved, but for the name: that is looked up by the worker."""
    return msgspec.structs.replace(made_config(**options), model=model)


def built(model: str, **options: Any) -> nn.Module:
    return build_model(config_of(model, **options), CPU)


def refused(model: str, **options: Any) -> str:
    with pytest.raises(ModelError) as error:
        built(model, **options)
    assert str(error.value).startswith(f"--model {model}: ")
    assert "\n" not in str(error.value)
    return str(error.value)


def first_step(folder: Path, model: str) -> None:
    config = config_of(model, warm_up=1)
    training = first_step_checked(made_training(config, build_model(config, CPU)), config)
    run_steps(training, HostClock(made_rank_file(folder, config)), Witness(9, CPU), 0, 1)


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("torchvision:resnet18", 32),
        ("torchvision:googlenet", 32),  # in training it would give two more outputs
        ("torchvision:vit_b_32", 64),  # built for 224 x 224 unless told
        ("timm:resnet10t", 32),
        ("timm:vit_tiny_patch16_224", 32),
    ],
)
def test_libraries(model: str, size: int) -> None:
    network, same = (built(model, image_size=size, seed=3) for _ in range(2))
    pairs = zip(network.parameters(), same.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs), "the seed decides"
    assert network.training
    assert network(torch.randn(2, 3, size, size)).shape == (2, 1000)


def test_weights_are_channels_last_where_asked() -> None:
    for wanted, found in ((True, "NHWC"), (False, "NCHW")):
        network = built("torchvision:resnet18", channels_last=wanted)
        assert FormatProbe(network).weight_format == found


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("torchvision:resnet19", "no such model; the nearest are resnet18"),
        ("torchvision:zzzzzz", "no such model; see its docs"),
        ("torchvision:deeplabv3_resnet50", "for segmentation; a classifier of images is needed"),
        ("torchvision:fasterrcnn_resnet50_fpn", "that is for detection"),
        ("timm:resnet51", "no such model; the nearest are resnet"),
        ("timm:resnet50.nope", "(leave .nope out)"),
    ],
)
def test_names_that_a_library_does_not_have(model: str, words: str) -> None:
    assert words in refused(model)


def test_the_users_own(nets: Path) -> None:
    images = torch.randn(2, 3, 32, 32)
    assert built("nets:Told")(images).shape == (2, 1000)
    assert built("nets:Nets.small")(images).shape == (2, 1000), "by **options"
    assert built("nets:untold")(images).shape == (2, 10)
    assert sys.path[-1] == str(nets), "last, so that nothing of the user's shadows anything"
    assert sys.path.count(str(nets)) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Tolld", "no Tolld in {file}; the nearest is Told"),
        ("Nets.smal", "no Nets.smal in {file}; the nearest is small"),
        ("built", "built is built already; name its class, or a function that builds it"),
        ("value", "value is an int and cannot be called"),
        ("number", "gave an int where a torch.nn.Module is needed"),
        ("bare", "has no parameters to train"),
    ],
)
def test_what_is_no_model(nets: Path, name: str, words: str) -> None:
    assert words.format(file=nets / "nets.py") in refused(f"nets:{name}")


def test_modules_that_are_not_there(nets: Path) -> None:
    assert f"no module nets.sub, neither installed nor in {nets}" in refused("nets.sub:Net")
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        built("needy:Net")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            "untold",
            "gave a tensor [2, 10] of float32 where logits [2, 1000] are needed; it is told",
        ),
        ("Dict", "gave a dict where logits [2, 1000] are needed"),
    ],
)
def test_the_first_step_must_give_logits(nets: Path, model: str, words: str) -> None:
    with pytest.raises(ModelError, match=re.escape(words)):
        first_step(nets, f"nets:{model}")


def test_only_the_first_step_looks(nets: Path) -> None:
    first_step(nets, "nets:Told")
    config = config_of("nets:Told")
    training = made_training(config, build_model(config, CPU))
    checked = first_step_checked(training, config)
    assert checked.criterion is not training.criterion
    assert replace(checked, criterion=training.criterion) == training
    ours = made_config()
    training = made_training(ours, build_model(ours, CPU))
    assert first_step_checked(training, ours) is training


@pytest.mark.parametrize("wrong", [torch.zeros(2, 1000, dtype=torch.long), [torch.zeros(2, 1000)]])
def test_numbers_and_lists_are_no_logits(nets: Path, wrong: object) -> None:
    config = config_of("nets:Told")
    training = first_step_checked(made_training(config, build_model(config, CPU)), config)
    criterion: Callable[..., object] = training.criterion
    with pytest.raises(ModelError, match="are needed"):
        criterion(wrong, torch.zeros(2, dtype=torch.long))


def test_parameters_that_the_loss_ignores(nets: Path) -> None:
    config = config_of("nets:Spare", warm_up=1)
    module = build_model(config, CPU)
    probe, training = UseProbe(module), made_training(config, module)
    clock = HostClock(made_rank_file(nets, config))
    run_steps(training, clock, Witness(9, CPU), 0, 1)
    probe.stop()
    assert probe.unused == {"spare.weight", "spare.bias"}


def test_a_model_without_convolutions_has_no_format(nets: Path) -> None:
    assert FormatProbe(built("nets:Flat")).weight_format == ""
