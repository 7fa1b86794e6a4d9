"""A mode of torch.compile that asks for CUDA graphs may capture none: that is told, with why."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch._inductor import cudagraph_trees
from torch._inductor.cudagraph_utils import cudagraphs_log, log_cudagraph_skip_and_bump_counter

from resnext_bench.reports.render import words
from resnext_bench.reports.schema.samples import CudaGraphs
from resnext_bench.worker.graphs import GraphWatch
from tests.reports.made_results import made_config

GPU = torch.device("cuda", 0)
ASKS = made_config(compile_mode="reduce-overhead")
MUTATED = "skipping cudagraphs due to mutated inputs (2 instances). Found from : \n   File a.py"


@pytest.fixture(autouse=True)
def listeners() -> Any:
    """Leaves torch's logger as it was."""
    before = list(cudagraphs_log.handlers)
    yield
    cudagraphs_log.handlers[:] = before


def node(**children: list[Any]) -> SimpleNamespace:
    return SimpleNamespace(children=children)


def has(monkeypatch: pytest.MonkeyPatch, manager: Any) -> None:
    """Let torch have these trees of graphs."""
    monkeypatch.setattr(cudagraph_trees, "get_manager", lambda *_, **__: manager)


def test_all_graphs_of_the_trees_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backward's stand under those of the forward that it follows."""
    trees = {"a": [node(b=[node(), node(c=[node()])])], "d": [node()]}
    has(monkeypatch, SimpleNamespace(roots=trees))
    assert GraphWatch(ASKS, GPU).seen() == CudaGraphs(captured=5, left_out=0, reasons=())


def test_why_something_is_left_out_is_taken_from_torchs_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has(monkeypatch, None)
    watch = GraphWatch(ASKS, GPU)
    for message in (MUTATED, "skipping cudagraphs due to cpu device (arg1_1)", MUTATED):
        log_cudagraph_skip_and_bump_counter(message)
    found = watch.seen()
    reasons = ("mutated inputs (2 instances)", "cpu device (arg1_1)")
    assert found == CudaGraphs(captured=0, left_out=3, reasons=reasons)


def test_a_torch_that_is_built_differently_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, SimpleNamespace())
    found = GraphWatch(ASKS, GPU).seen()
    assert found == CudaGraphs(captured=None, left_out=0, reasons=())


@pytest.mark.parametrize("mode", ["none", "default", "max-autotune-no-cudagraphs"])
def test_modes_without_graphs_are_not_watched(mode: str) -> None:
    before = list(cudagraphs_log.handlers)
    assert GraphWatch(made_config(compile_mode=mode), GPU).seen() is None
    assert cudagraphs_log.handlers == before


def seen(captured: int | None, left_out: int = 0, *reasons: str) -> CudaGraphs:
    return CudaGraphs(captured=captured, left_out=left_out, reasons=reasons)


@pytest.mark.parametrize(
    ("device", "found", "told"),
    [
        ("cuda", seen(6), "6 graphs"),
        ("cuda", seen(1, 2, "mutated inputs"), "1 graph, 2 left out: mutated inputs"),
        ("cuda", seen(0, 3, "cpu device (x)", "y"), "no graphs: cpu device (x), y"),
        ("cuda", seen(0), "no graphs: torch gives no reason"),
        ("cuda", seen(None), "graphs: torch does not tell"),
        ("cpu", seen(0), "no graphs: a CPU has none"),
        ("cuda", None, ""),
    ],
)
def test_how_it_is_told(device: str, found: CudaGraphs | None, told: str) -> None:
    assert words.graphs(made_config(device=device), found) == told


def test_a_cpu_has_none() -> None:
    assert GraphWatch(ASKS, torch.device("cpu")).seen() == seen(0)
