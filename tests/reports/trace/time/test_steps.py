"""Which steps are used, and how long they last."""

from pathlib import Path

from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_time import StepLeftOut
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import Made
from tests.reports.trace.words import kinds, sentences_of

GEMM = "ampere_sgemm_128x64_nn"


def reported(made: Made, folder: Path) -> TraceReport:
    return report(analyse(made.write(folder)))


def launches(made: Made, ts: float, answered: int, lost: int) -> None:
    for at in range(answered):
        made.kernel(GEMM, ts + 5 + 5 * at, 3, called=ts + at)
    for at in range(lost):
        made.launch(ts + 50 + at)


def test_a_step_that_lost_kernels_is_left_out(tmp_path: Path) -> None:
    made = Made().step(0, 0, 100).step(1, 100, 100)
    launches(made, 0, 8, 0)
    launches(made, 100, 6, 2)
    found = reported(made, tmp_path)
    assert found.steps.number == [0]
    assert found.trust.excluded == [StepLeftOut(number=1, why="launches", value=0.25)]


def test_where_all_have_lost_some_it_is_told(tmp_path: Path) -> None:
    made = Made().step(0, 0, 100).step(1, 100, 100)
    launches(made, 0, 5, 5)
    launches(made, 100, 6, 4)
    found = reported(made, tmp_path)
    assert found.steps.number == [0, 1]
    assert any("up to 50% of the launches" in one for one in sentences_of(found))


def test_one_lost_kernel_of_many_does_not_matter(tmp_path: Path) -> None:
    made = Made().step(0, 0, 100)
    launches(made, 0, 15, 1)
    assert reported(made, tmp_path).trust.excluded == []


def test_a_driver_call_below_the_one_of_the_runtime_is_the_same_launch(tmp_path: Path) -> None:
    made = Made().step(0, 0, 100)
    for at in range(8):
        correlation = made.launch(at)
        args = {"correlation": correlation}
        made.row("cuda_driver", "cuLaunchKernel", at + 0.1, 0.5, args=args)
        made.on_gpu("kernel", GEMM, 10 + 5 * at, 3, correlation)
    found = reported(made, tmp_path)
    assert (found.trust.excluded, found.facts) == ([], [])


def test_what_is_captured_into_a_graph_is_no_launch(tmp_path: Path) -> None:
    made = Made().step(0, 0, 100)
    made.row("cuda_runtime", "cudaStreamBeginCapture", 1, 1)
    launches(made, 0, 0, 8)
    made.row("cuda_runtime", "cudaStreamEndCapture", 60, 1)
    made.on_gpu("kernel", GEMM, 70, 9, made.launch(65, name="cudaGraphLaunch"))
    found = reported(made, tmp_path)
    assert (found.steps.number, found.trust.excluded) == ([0], [])
    assert "launches_without_kernels" not in kinds(found)


def test_steps_end_with_the_work_of_their_own_device(tmp_path: Path) -> None:
    made = Made()
    for step in (0, 1):
        made.step(step, 100 * step, 100)
        made.kernel(GEMM, 100 * step + 10, 60)
        made.kernel(GEMM, 100 * step + 80, 15, stream=9)
        made.rows[-1]["args"]["device"] = made.rows[-1]["pid"] = 1
    found = reported(made, tmp_path)
    assert found.device == 0
    assert found.steps.step_ns == [70_000, 100_000]
    assert {row.cause for row in found.idle} == {
        "host between launches",
        "launch latency, dependency",
    }
