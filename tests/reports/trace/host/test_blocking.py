"""Calls in which the host waits, and who makes them."""

from pathlib import Path

import pytest

from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.host.blocking import blocking
from tests.reports.trace.made import Made

GEMM = "ampere_sgemm_128x64_nn"


def told(made: Made, folder: Path) -> list[tuple[str, str, str, int, int]]:
    rows = blocking(analyse(made.write(folder)))
    return [(row.call, row.operator, row.copies, row.count, row.total_ns) for row in rows]


def training() -> Made:
    return Made().step(0, 0, 1000).kernel(GEMM, 900, 50)


def test_an_item_waits(tmp_path: Path) -> None:
    """aten::item > aten::_local_scalar_dense > copy and synchronisation."""
    made = training().op("aten::item", 10, 80).op("aten::_local_scalar_dense", 11, 78)
    copied = made.launch(12, dur=5, name="cudaMemcpyAsync")
    made.on_gpu("gpu_memcpy", "Memcpy DtoH (Device -> Pageable)", 20, 2, copied)
    made.launch(20, dur=60, name="cudaStreamSynchronize")
    assert told(made, tmp_path) == [
        ("cudaStreamSynchronize", "aten::item", "", 1, 60_000),
        ("cudaMemcpyAsync", "aten::item", "DtoH", 1, 5000),
    ]


@pytest.mark.parametrize("operator", ["aten::nonzero", "aten::is_nonzero", "fbgemm::permute_2D"])
def test_the_outermost_operator_is_named(tmp_path: Path, operator: str) -> None:
    made = training().op("autograd::engine::evaluate_function: X", 5, 90)
    made.op(operator, 10, 80).op("aten::_local_scalar_dense", 11, 78)
    made.launch(20, dur=60, name="hipMemcpyWithStream")
    assert told(made, tmp_path) == [("hipMemcpyWithStream", operator, "", 1, 60_000)]


@pytest.mark.parametrize(
    "call",
    [
        *("cudaDeviceSynchronize", "cudaEventSynchronize", "cudaMalloc", "cudaFree"),
        *(
            "cudaMemcpy",
            "hipStreamSynchronize",
            "hipHostMalloc",
            "cuMemcpyDtoH_v2",
            "cuCtxSynchronize",
        ),
        *("cuMemAlloc_v2", "aclrtSynchronizeStream", "musaStreamSynchronize"),
    ],
)
def test_calls_that_wait(tmp_path: Path, call: str) -> None:
    assert told(training().row("cuda_runtime", call, 30, 400), tmp_path) == [
        (call, "", "", 1, 400_000)
    ]


@pytest.mark.parametrize(
    "call",
    [
        *("cudaMallocAsync", "cudaFreeAsync", "cudaEventQuery", "cudaMemsetAsync"),
        *("cuMemcpyHtoDAsync_v2", "hipMemcpyAsync", "cudaStreamWaitEvent", "cudaLaunchKernel"),
    ],
)
def test_calls_that_do_not(tmp_path: Path, call: str) -> None:
    assert told(training().row("cuda_runtime", call, 30, 400), tmp_path) == []


def test_the_driver_below_the_runtime_is_no_other_call(tmp_path: Path) -> None:
    made = training().row("cuda_runtime", "cudaStreamSynchronize", 30, 400)
    made.row("cuda_driver", "cuStreamSynchronize", 31, 398)
    assert told(made, tmp_path) == [("cudaStreamSynchronize", "", "", 1, 400_000)]


def test_a_graph_does_not_wait_for_copies_in_it(tmp_path: Path) -> None:
    made = training()
    graph = made.launch(12, dur=5, name="cudaGraphLaunch")
    made.on_gpu("gpu_memcpy", "Memcpy HtoD (Pageable -> Device)", 20, 2, graph)
    assert told(made, tmp_path) == []


def test_calls_before_the_first_work_are_not_of_a_step(tmp_path: Path) -> None:
    made = Made().row("cuda_runtime", "cudaMalloc", 0, 5000).kernel(GEMM, 6000, 50)
    made.row("cuda_runtime", "cudaStreamSynchronize", 6010, 30)
    assert told(made, tmp_path) == [("cudaStreamSynchronize", "", "", 1, 30_000)]


def test_old_steps_are_no_operators(tmp_path: Path) -> None:
    """Old profilers wrote ProfilerStep as an operator."""
    made = Made().op("ProfilerStep#0", 0, 1000).kernel(GEMM, 900, 50)
    made.row("cuda_runtime", "cudaDeviceSynchronize", 30, 400)
    assert told(made, tmp_path) == [("cudaDeviceSynchronize", "", "", 1, 400_000)]


def test_nothing_waits_on_a_cpu(tmp_path: Path) -> None:
    assert told(Made().op("aten::item", 0, 5), tmp_path) == []
