"""The kit's own ways with a real GPU: graphs, choices made anew, NaN under results, clocks."""

import time
from dataclasses import replace

import pytest
import torch

from resnext_bench.convs.measuring.checks import is_right, keep_memory
from resnext_bench.convs.measuring.choices import MODES, calls_of, choose, name_kernels
from resnext_bench.convs.measuring.exact import Tensors, exact, tensors
from resnext_bench.lab.visit.cells import Cell, exact_step, prepare
from resnext_bench.lab.visit.first_steps import distances
from resnext_bench.lab.visit.first_steps import is_right as step_is_right
from resnext_bench.lab.visit.parts.convs import convolutions_of
from resnext_bench.lab.visit.sizes import FULL
from resnext_bench.lab.visit.watch import Watched
from resnext_bench.reports.schema.convs import OPERATIONS

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here"),
]

GPU = torch.device("cuda", 0)
BATCH = 16


def _tensors() -> Tensors:
    return tensors(convolutions_of(replace(FULL, conv_batch=BATCH), "bf16")[0], GPU)


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_choices_are_right_replayed_and_named(layout: torch.memory_format) -> None:
    asked = _tensors()
    pool = torch.cuda.graph_pool_handle()
    made = []
    for operation in OPERATIONS:
        call, right = calls_of(asked, operation, layout), exact(asked, operation)
        made += [choose(call, mode, right, 0.001, pool) for mode in MODES]
    for choice in made:
        assert choice.graph is not None, choice.why
        assert is_right(choice.off, "bf16"), choice
        assert not choice.has_nan
    name_kernels(made)
    for choice in made:
        assert choice.kernels
        choice.run(2)
        choice.thread.shutdown()
    torch.cuda.synchronize()


def test_a_choice_in_a_new_thread_is_searched_for_anew() -> None:
    """Searching takes many times as long as a call, whoever has searched before."""
    keep_memory()
    asked = _tensors()
    call, right = calls_of(asked, "forward", torch.channels_last), exact(asked, "forward")
    choose(call, "limit 10", right, 0.001).thread.shutdown()  # cuDNN itself is loaded now
    for _ in range(2):
        choice = choose(call, "limit 10", right, 0.001)
        torch.cuda.synchronize()
        start = time.perf_counter()
        choice.thread.submit(call, 0).result()
        torch.cuda.synchronize()
        assert choice.search_s > 5 * (time.perf_counter() - start)
        choice.thread.shutdown()


@pytest.mark.parametrize("typed", ["bf16 NHWC", "fp16 NHWC", "fp32 NHWC"])
@pytest.mark.parametrize("source", ["ours", "torchvision"])
def test_a_step_is_right(typed: str, source: str) -> None:
    cell = Cell(model="resnext50_32x4d", batch=BATCH, typed=typed, source=source)
    found = prepare(cell, GPU, 128, block_s=0.05)
    off = distances(found.step, exact_step(cell, GPU, 128))
    assert step_is_right(cell.dtype, off), off


def test_clocks_are_seen() -> None:
    watched = Watched()
    one = torch.randn(4096, 4096, device=GPU)
    with watched():
        begun = time.monotonic()
        while time.monotonic() - begun < 1.5:
            one @ one
            torch.cuda.synchronize()
    if watched.notes == ["nobody watched the clocks"]:
        pytest.skip("nvidia-ml-py is not installed")
    assert watched.seen is not None
    assert (watched.seen.sm_mhz[0] or 0) > 100
