"""What a failing rank advises, and writes down."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.job import Job, RankError, SessionFolder
from bench.launch.topology import place_ranks
from bench.worker import entry
from tests.worker.made_training import LAPTOP, made_config

ONE = place_ranks(made_config(), LAPTOP)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Critical error in pipeline:\nError in CPU operator", "decodes each file"),
        ("DataLoader worker (pid 7) is killed by signal: Bus error. It is", "--shm-size"),
        ("DataLoader worker (pid 7) is killed by signal: Bus error. It is", "a shard was cut"),
        ("DataLoader worker (pid 7) is killed by signal: Killed.", "lacked memory"),
        ("DataLoader worker (pid(s) 7) exited unexpectedly", ""),
        (
            "Expected to have finished reduction in the prior iteration before starting a new one.",
            "--static-graph",
        ),
        ("Wrong image height! Expected 224 but got 64!", "--image-size"),
        ("Input height (64) doesn't match model (224).", "--image-size"),
        ("Input shape indivisible by patch size!", "--image-size"),
        ("Kernel size can't be greater than actual input size (the error", "--image-size"),
        ("The NVIDIA driver on your system\nis too old", "update the NVIDIA driver"),
        ("something else", ""),
    ],
)
def test_hints(message: str, words: str) -> None:
    found = entry._hint(RuntimeError(message))
    assert words in found
    assert bool(found) is bool(words)


def job(model: str, **options: Any) -> Job:
    config = msgspec.structs.replace(made_config(**options), model=model)
    return Job(run_id="x", session=1, config=config, topology=ONE, images=None, timeout_s=1)


STRIDES = (
    "view size is not compatible with input tensor's size and stride (at least one dimension)",
    "Cannot view a tensor with shape torch.Size([4, 3]) and strides (1, 4) as a tensor",
    "Tensor must have a last dimension with stride 1",
    "input must be contiguous",
)


@pytest.mark.parametrize("message", STRIDES)
def test_what_needs_another_layout_names_the_option(message: str) -> None:
    asked, error = "add --no-channels-last", RuntimeError(message)
    assert asked in entry._layout_hint(error, job("nets:Flat"))
    assert asked in entry._layout_hint(error, job("timm:resnet18"))
    assert entry._layout_hint(error, job("nets:Flat", channels_last=False)) == ""
    assert entry._layout_hint(error, job("resnext14_4x4d")) == "", "ours take any layout"
    assert entry._layout_hint(RuntimeError("something else"), job("nets:Flat")) == ""


def test_what_torch_compile_wraps_is_looked_into() -> None:
    wrapper = RuntimeError("RuntimeError when making fake tensor call")
    wrapper.__cause__ = RuntimeError(STRIDES[1])
    assert "--no-channels-last" in entry._layout_hint(wrapper, job("nets:Flat"))


def test_an_error_that_names_a_file_in_no_utf8_is_written_down(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path)
    folder.ranks.mkdir()
    entry._report(folder, 0, ValueError(os.fsdecode(b"\xff1.jpg does not decode")), None)
    found = msgspec.json.decode(folder.error_file(0).read_bytes(), type=RankError)
    assert (found.kind, found.message) == ("ValueError", "?1.jpg does not decode")
