"""Networks of others: built without weights of theirs, and refused in one line where they fail."""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import nn

from resnext_bench.config.resolve import DataFacts
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.worker.clock import HostClock
from resnext_bench.worker.logits import first_step_checked
from resnext_bench.worker.loop import run_steps
from resnext_bench.worker.models import ModelError
from resnext_bench.worker.training import build_model
from resnext_bench.worker.witness import FormatProbe, UseProbe, Witness, moves_by
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

import functools

class NoInit(Told):
    pass

class Blind(nn.Module):
    # Its constructor is that of Module, which takes **kwargs to refuse them.
    def __getattr__(self, name):
        if name == "head" and "head" not in self._modules:
            self.head = nn.Linear(3, 12)
        return super().__getattr__(name)
    def parameters(self, recurse=True):
        return self.head.parameters()
    def forward(self, images):
        return self.head(images.mean((2, 3)))

class Passing(Told):
    def __init__(self, *args, **kwargs): super().__init__(*args, **kwargs)

class Needy(Told):
    def __init__(self, classes): super().__init__(classes)

def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs): return function(*args, **kwargs)
    return wrapper

@decorated
def wrapped(num_classes=10): return Told(num_classes)
def by_place(num_classes, /): return Told(num_classes)
def offered(**options): return Dozen(**options)
def twice(**options): return Told(num_classes=12, **options)
def fewer(num_classes): return Told(7)
def wider(num_classes): return Told(num_classes + 4)
def needs_two(width, num_classes): return Told(num_classes)
def hidden(num_classes): return Needy()
class Dozen(nn.Module):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.told = Told(12)
    def forward(self, images): return self.told(images)
partly = functools.partial(Passing)
bound, bound12 = functools.partial(Told, num_classes=5), functools.partial(Told, num_classes=12)
partly_blind = functools.partial(Dozen)
def untold(width=4): return Told()
def bare(num_classes): return nn.Flatten()
def number(): return 7
built, value = Told(), 7
"""


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the user's, in which they stand."""
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "needy.py").write_text("import no_such_package\n")
    (tmp_path / "json.py").write_text("raise RuntimeError('shadows the standard library')\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("nets", "needy"):  # another test's folder holds others of these names
        sys.modules.pop(name, None)


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
        # Built for 224 x 224 unless told.
        pytest.param("torchvision:vit_b_32", 64, marks=pytest.mark.slow),
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
        ("torchvision:deeplabv3_resnet50", "for segmentation; an image classifier is needed"),
        ("torchvision:fasterrcnn_resnet50_fpn", "that model is for detection"),
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
        ("number", "returned an int instead of a torch.nn.Module"),
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
            "returned a tensor [2, 10] of float32 instead of logits [2, 1000]; a model is given",
        ),
        ("untold", "(it takes no num_classes, so it was called without); labels from 10 on would"),
        ("fewer", "(it was called with num_classes=1000); labels from 7 on would have no logit"),
        ("bound", "(its num_classes is bound by functools.partial); labels from 5 on"),
        (
            "Dict",
            (
                "returned a dict instead of logits [2, 1000]; name a function that builds a model "
                "whose forward returns the logits alone"
            ),
        ),
    ],
)
def test_the_first_step_must_give_logits(nets: Path, model: str, words: str) -> None:
    with pytest.raises(ModelError, match=re.escape(words)):
        first_step(nets, f"nets:{model}")


@pytest.mark.parametrize(
    ("model", "called"),
    [
        ("untold", "it takes no num_classes, so it was called without"),
        ("wider", "it was called with num_classes=8"),
        ("bound12", "its num_classes is bound by functools.partial"),
    ],
)
def test_more_logits_than_classes_train_with_a_note(nets: Path, model: str, called: str) -> None:
    facts = DataFacts(root="/set", classes=8, made=False)
    config = made_config(facts, pipeline="torchvision", warm_up=1, pixels="fp32")
    config = msgspec.structs.replace(config, model=f"nets:{model}")
    notes: list[str] = []
    training = made_training(config, build_model(config, CPU))
    training = first_step_checked(training, config, notes.append)
    run_steps(training, HostClock(made_rank_file(nets, config)), Witness(9, CPU), 0, 1)
    (note,) = notes
    assert note.startswith("the model returns 1")
    assert "logits, but there are 8 classes: only labels below 8 occur, and the last" in note
    assert called in note


@pytest.mark.parametrize(
    ("model", "logits"),
    [
        ("NoInit", 1000),
        ("Blind", 12),
        ("Passing", 1000),
        ("by_place", 1000),
        ("partly", 1000),
        ("bound12", 12),
        ("partly_blind", 12),
        ("offered", 12),
        ("twice", 12),
        ("wrapped", 1000),
        ("Nets.small", 1000),
    ],
)
def test_who_is_told_the_number_of_classes(nets: Path, model: str, logits: int) -> None:
    assert built(f"nets:{model}")(torch.randn(2, 3, 32, 32)).shape == (2, logits)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("Needy", "Needy needs classes, but only num_classes is passed; name a function"),
        ("needs_two", "needs_two needs width, but only num_classes is passed"),
        ("hidden", "missing 1 required"),
    ],
)
def test_what_needs_more_than_it_is_told(nets: Path, model: str, words: str) -> None:
    with pytest.raises((ModelError, TypeError), match=words):
        built(f"nets:{model}")


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
    with pytest.raises(ModelError, match="instead of logits"):
        criterion(wrong, torch.zeros(2, dtype=torch.long))


def test_parameters_that_the_loss_ignores(nets: Path) -> None:
    config = config_of("nets:Spare", warm_up=1)
    module = build_model(config, CPU)
    probe, training = UseProbe(module), made_training(config, module)
    clock = HostClock(made_rank_file(nets, config))
    run_steps(training, clock, Witness(9, CPU), 0, 1)
    probe.stop()
    assert probe.unused == {"spare.weight", "spare.bias"}


class OneToken(nn.Module):
    """Attention to a single token is 1 whatever keys say: their gradient is exactly zero."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.head = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        token = images.mean((2, 3))[:, None]
        scores = self.query(token) @ self.key(token).transpose(1, 2)
        return self.head((scores.softmax(-1) @ token)[:, 0])


class BeforeNorm(nn.Module):
    """A bias that the norm after it takes away again: its gradient is rounding alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 1000)
        nn.init.constant_(self.conv.bias, 1000.0)  # type: ignore[arg-type]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.conv(images)).relu().mean((2, 3)))


class Shifted(nn.Module):
    """A softmax does not feel that its logits are all multiplied by 0."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.shift = nn.Linear(3, 1000), nn.Parameter(torch.ones(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(images.mean((2, 3))) + 0 * self.shift


@pytest.mark.parametrize(
    ("kind", "idle"),
    [
        (OneToken, {"query.weight", "query.bias", "key.weight", "key.bias"}),
        (BeforeNorm, {"conv.bias"}),
        (Shifted, {"shift"}),
    ],
)
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_gradients_that_are_zero_by_nature(
    tmp_path: Path, kind: Callable[[], nn.Module], idle: set[str], optimizer: str
) -> None:
    config = msgspec.structs.replace(made_config(warm_up=1, optimizer=optimizer), model="x:y")
    module = kind()
    training = made_training(config, module)
    probe = UseProbe(module, moves_by(optimizer, config.learning_rate, config.momentum))
    run_steps(training, HostClock(made_rank_file(tmp_path, config)), Witness(9, CPU), 0, 1)
    probe.stop()
    rounding = optimizer == "adamw" and kind is BeforeNorm  # which it divides by its size
    assert probe.idle == (set() if rounding else idle)
    assert probe.unused == set()


def test_gradients_that_move_a_parameter() -> None:
    moves, one = moves_by("sgd", 0.1, 0.9), torch.ones(2)
    assert bool(moves(one, torch.tensor([0.0, 1e-6])))
    assert not bool(moves(one, torch.tensor([1e-9, -1e-9])))
    assert bool(moves(torch.zeros(2), torch.tensor([1e-9, 0])))
    assert not bool(moves_by("sgd", 0.0, 0.9)(one, one))
    assert not bool(moves_by("sgd", 0.1, 0.9, lambda: 65536.0)(one, torch.full((2,), 1e-4)))
    sparse = torch.tensor([0.0, 1.0]).to_sparse()
    assert bool(moves(one, sparse))


def test_frozen_convolutions_have_a_format(nets: Path) -> None:
    config = config_of("nets:Told", warm_up=1)
    module = build_model(config, CPU)
    module.conv.requires_grad_(False)  # type: ignore[operator,union-attr]
    probe, training = FormatProbe(module), made_training(config, module)
    run_steps(training, HostClock(made_rank_file(nets, config)), Witness(9, CPU), 0, 1)
    assert (probe.weight_format, probe.gradient_format) == ("NHWC", "either")


def test_a_model_without_convolutions_has_no_format(nets: Path) -> None:
    assert FormatProbe(built("nets:Flat")).weight_format == ""


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit('set DATA to the data folder first')", ": set DATA to the data fol"),
        ("import argparse; argparse.ArgumentParser().parse_args(['--lr'])", " 2"),
        ("raise SystemExit", " 0"),
    ],
)
def test_a_module_that_ends_the_program(nets: Path, code: str, words: str) -> None:
    (nets / "script.py").write_text(code)
    told = refused("script:Net")
    assert f"its module ended the program (SystemExit{words}" in told
    assert told.endswith("): put what it runs under if __name__ == '__main__'")
