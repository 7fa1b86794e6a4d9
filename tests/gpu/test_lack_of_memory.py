"""Where a GPU is full, that is known whoever found no memory; and its graphs are counted."""

from collections.abc import Iterator

import msgspec
import pytest
import torch
from torch import nn

from resnext_bench.worker.graphs import GraphWatch
from resnext_bench.worker.memory import gpu_was_full, keep_aside, lack_of_memory
from tests.worker.made_training import made_config

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here"),
]
GPU = torch.device("cuda", 0)
LEFT_GIB = 0.05
CONFIG = msgspec.structs.replace(made_config(), device="cuda")


@pytest.fixture
def full() -> Iterator[None]:
    """All but a little of the GPU's memory is taken."""
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    aside = keep_aside(free / 2**30 - LEFT_GIB, GPU)
    yield
    del aside
    torch.cuda.empty_cache()


@pytest.mark.parametrize("benchmark", [True, False])
def test_a_convolution_without_room_for_its_plan(
    benchmark: bool, full: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", benchmark)
    with pytest.raises(RuntimeError) as raised:
        convolve()
    assert lack_of_memory(raised.value, CONFIG).startswith("out of GPU memory")
    assert gpu_was_full()


def convolve() -> None:
    images = torch.ones(64, 64, 56, 56, device=GPU)
    nn.Conv2d(64, 256, 3).to(GPU)(images).square().mean().backward()
    torch.cuda.synchronize()


def test_graphs_of_a_compiled_step_are_counted() -> None:
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 4)).to(
        GPU
    )
    watch = GraphWatch(msgspec.structs.replace(CONFIG, compile_mode="reduce-overhead"), GPU)
    module.compile(mode="reduce-overhead")
    for _ in range(5):
        module(torch.ones(2, 3, 8, 8, device=GPU)).square().mean().backward()
        module.zero_grad(set_to_none=True)
    found = watch.seen()
    assert found is not None
    assert found.captured, found
