"""Cells: the same networks, batches and settings whoever they are of."""

import pytest
import torch

from resnext_bench.lab.visit.cells import TYPED, Cell, config_of, network
from resnext_bench.lab.visit.sizes import FULL, MINIATURE
from resnext_bench.reports.figures.cost import layers_of
from resnext_bench.worker.training import build_model

MODELS = (*FULL.models, *MINIATURE.models)


@pytest.mark.parametrize("source", ["torchvision", "timm"])
@pytest.mark.parametrize("model", MODELS)
def test_the_same_network_by_other_libraries(model: str, source: str) -> None:
    with torch.device("meta"):
        ours = build_model(config_of(Cell(model=model, batch=1), "cpu", 224), torch.device("meta"))
        theirs = network(source, model, 1000)
    expected = {name: one.shape for name, one in ours.state_dict().items()}
    assert {name: one.shape for name, one in theirs.state_dict().items()} == expected


@pytest.mark.parametrize("model", [*FULL.compiled, *MINIATURE.compiled])
def test_what_is_compiled_can_be_built(model: str) -> None:
    with torch.device("meta"):
        config = config_of(Cell(model=model, batch=1, compiler="compile"), "cpu", 32)
        assert list(build_model(config, torch.device("meta")).parameters())


@pytest.mark.parametrize("typed", TYPED)
@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_settings_of_a_run(typed: str, kind: str) -> None:
    cell = Cell(model="resnext50_32x4d", batch=256, typed=typed, compiler="max-autotune")
    config = config_of(cell, kind, 224)
    assert (config.device, config.batch_size, config.engine) == (kind, 256, "none")
    assert config.compile_mode == "max-autotune"
    assert (config.amp_dtype, config.tf32) == {
        "bf16": ("bf16", False),
        "fp16": ("fp16", False),
        "TF32": ("none", True),
        "fp32": ("none", False),
    }[typed.split(maxsplit=1)[0]]
    assert config.channels_last is typed.endswith("NHWC")
    assert config.cudnn_benchmark
    assert layers_of(config) is not None
