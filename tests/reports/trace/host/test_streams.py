"""Streams of a device, threads of a CPU."""

from pathlib import Path

from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.host.streams import MOST, streams, threads
from tests.reports.trace.made import BACKWARD, MAIN, Made

GEMM, NCCL = "ampere_sgemm_128x64_nn", "ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)"


def test_busy_and_idle_of_each_stream(tmp_path: Path) -> None:
    """Kernels of one stream that overlap count once."""
    made = Made().step(0, 0, 100).kernel(GEMM, 0, 20, called=0.0).kernel(GEMM, 10, 20)
    made.kernel(NCCL, 25, 60, stream=20).kernel(GEMM, 90, 10)
    rows = streams(analyse(made.write(tmp_path)))
    assert [(row.stream, row.count, row.busy_ns, row.idle_ns, row.cls) for row in rows] == [
        (20, 1, 60_000, 40_000, "communication"),
        (7, 3, 40_000, 60_000, "matrix product"),
    ]


def test_threads_of_a_cpu(tmp_path: Path) -> None:
    """Operators within operators count once."""
    made = Made().step(0, 0, 100).op("aten::linear", 10, 30).op("aten::addmm", 12, 20)
    made.op("aten::mm", 50, 10, BACKWARD)
    analysis = analyse(made.write(tmp_path))
    assert [(row.thread, row.operators, row.busy_ns, row.idle_ns) for row in threads(analysis)] == [
        (str(MAIN), 2, 30_000, 70_000),
        (str(BACKWARD), 1, 10_000, 90_000),
    ]
    assert streams(analysis) == []


def test_of_very_many_the_busiest(tmp_path: Path) -> None:
    made = Made().step(0, 0, 1000)
    for at in range(2 * MOST):
        made.kernel(GEMM, 10, 1 + at, stream=at)
    rows = streams(analyse(made.write(tmp_path)))
    assert [row.stream for row in rows] == list(range(2 * MOST - 1, MOST - 1, -1))
