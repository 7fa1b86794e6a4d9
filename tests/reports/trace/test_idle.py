"""Idle time by what the host did meanwhile."""

from pathlib import Path

import pytest

from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.time.spans import Span
from tests.reports.trace.made import Made

GEMM = "ampere_sgemm_128x64_nn"


def causes(made: Made, folder: Path) -> dict[str, int]:
    return {row.cause: row.total_ns for row in report(analyse(made.write(folder))).idle}


def gap() -> Made:
    """Idle from 20 us to 520 us after the step began; the launch is at 510."""
    return Made().step(0, 0, 600).kernel(GEMM, 0, 20, called=0).kernel(GEMM, 520, 30, called=510)


@pytest.mark.parametrize(
    "call",
    ["cudaDeviceSynchronize", "hipMemcpyWithStream", "cudaMemcpy", "cudaFree", "cuMemcpyDtoH_v2"],
)
def test_blocking_calls(tmp_path: Path, call: str) -> None:
    found = causes(gap().row("cuda_runtime", call, 30, 400), tmp_path)
    assert found["synchronisation"] == 400_000
    assert found["host between launches"] == 90_000
    assert found["launch latency, dependency"] == 10_000


@pytest.mark.parametrize("call", ["cudaMemcpyAsync", "cuMemcpyHtoDAsync", "cudaLaunchKernel"])
def test_others_do_not_wait(tmp_path: Path, call: str) -> None:
    found = causes(gap().row("cuda_runtime", call, 30, 400), tmp_path)
    assert "synchronisation" not in found
    assert found["host between launches"] == 490_000


def test_a_launch_that_lasts_is_work_of_the_host(tmp_path: Path) -> None:
    """Modules are loaded when their first kernel is launched."""
    made = Made().step(0, 0, 600).kernel(GEMM, 0, 20, called=0)
    made.on_gpu("kernel", GEMM, 520, 30, made.launch(100, dur=415))
    assert causes(made, tmp_path) == {
        "host between launches": 495_000,
        "launch latency, dependency": 5_000,
    }


def test_work_without_a_launch_ends_a_gap_whose_cause_is_unknown(tmp_path: Path) -> None:
    """Though nearly all of the device's time is linked: it is one short kernel."""
    made = Made().step(0, 0, 600).kernel(GEMM, 0, 20, called=0)
    made.on_gpu("kernel", GEMM, 220, 0.01).kernel(GEMM, 300, 200, called=290)
    found = report(analyse(made.write(tmp_path)))
    assert {row.cause: row.total_ns for row in found.idle} == {
        "before work whose launch is not in the trace": 200_000,
        "host between launches": 69_990,
        "launch latency, dependency": 10_000,
    }
    assert 0.9999 < found.trust.linked_launch < 1


def test_of_rows_that_begin_together_one_with_a_launch_ends_the_gap(tmp_path: Path) -> None:
    made = Made().step(0, 0, 600).kernel(GEMM, 0, 20, called=0)
    made.on_gpu("kernel", GEMM, 220, 5, stream=9).kernel(GEMM, 220, 100, called=200)
    assert causes(made, tmp_path) == {
        "host between launches": 180_000,
        "launch latency, dependency": 20_000,
    }


@pytest.mark.parametrize(
    ("category", "name", "cause"),
    [
        (
            "user_annotation",
            "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__",
            "data loading",
        ),
        ("cuda_runtime", "cudaDeviceSynchronize", "synchronisation"),
    ],
)
def test_a_gap_that_the_end_of_a_range_cuts(
    tmp_path: Path, category: str, name: str, cause: str
) -> None:
    made = gap().row(category, name, 30, 400)
    found = report(analyse(made.write(tmp_path), span=Span(start=20_000, end=330_000)))
    assert {row.cause: row.total_ns for row in found.idle} == {
        cause: 300_000,
        "no more work until the end": 10_000,
    }
    assert (found.host.gaps[0].doing, found.host.gaps[0].before) == (name, "")
