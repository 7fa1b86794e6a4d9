"""When a step begins and ends on the device."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_time import StepLeftOut
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.time.spans import Span
from tests.reports.trace.made import Made

GEMM, ADD = "ampere_sgemm_128x64_nn", "vectorized_elementwise_kernel"


def reported(made: Made, folder: Path) -> TraceReport:
    return report(analyse(made.write(folder)))


def earlier(made: Made, stream: int = 7) -> Made:
    """Ten kernels of 10 us, from 10 to 110, whose launches are not in the trace."""
    for at in range(10):
        made.on_gpu("kernel", ADD, 10 + 10 * at, 10, stream=stream)
    return made


def two_steps(made: Made) -> Made:
    """Of ten kernels each, from 110 to 310 and from 310 to 510."""
    made.step(1, 0, 200).step(2, 200, 200)
    for at in range(20):
        made.kernel(ADD, 110 + 20 * at, 20, called=20 + 200 * (at // 10) + 5 * (at % 10))
    return made


@pytest.mark.parametrize("kind", ["gpu_memcpy", "gpu_memset", "kernel"])
def test_earlier_work_is_not_of_the_first_step(tmp_path: Path, kind: str) -> None:
    """Though the first step has work of its own on another stream, which begins before it."""
    made = two_steps(earlier(Made()))
    made.on_gpu(kind, GEMM, 5, 2, made.launch(2), stream=20)
    found = reported(made, tmp_path)
    assert found.steps.step_ns == [200_000, 200_000]
    assert {row.name: row.count for row in found.kernels} == {ADD: 20, GEMM: 1}
    assert found.trust.by_time == 0
    assert found.trust.earlier == 10


def test_earlier_work_on_several_streams(tmp_path: Path) -> None:
    """Each stream has its own first launch; what runs behind it is put where it ran."""
    made = two_steps(earlier(Made()))
    made.on_gpu("kernel", GEMM, 8, 80, stream=9)
    made.on_gpu("kernel", GEMM, 150, 10, made.launch(30), stream=9)
    made.on_gpu("kernel", "lost", 250, 10, stream=9)
    found = reported(made, tmp_path)
    assert found.steps.step_ns == [200_000, 200_000]
    assert found.trust.by_time == 1
    assert {row.name: row.count for row in found.kernels} == {ADD: 20, GEMM: 1, "lost": 1}


def test_work_launched_before_the_first_step_is_not_its_own(tmp_path: Path) -> None:
    made = Made().kernel(GEMM, 30, 80, called=-10)
    found = reported(two_steps(made), tmp_path)
    assert found.steps.step_ns == [200_000, 200_000]
    assert GEMM not in {row.name for row in found.kernels}


def test_a_stream_without_any_launch_is_told_by_time(tmp_path: Path) -> None:
    made = two_steps(Made())
    made.on_gpu("kernel", GEMM, 200, 20, stream=9).on_gpu("kernel", GEMM, 50, 20, stream=9)
    found = reported(made, tmp_path)
    assert found.trust.by_time == 1
    assert found.steps.step_ns == [240_000, 200_000]  # from when the earlier one had ended


@pytest.mark.parametrize(("cat", "dur"), [("gpu_memcpy", 600), ("gpu_memset", 600)])
def test_a_step_ends_with_its_last_copy(tmp_path: Path, cat: str, dur: float) -> None:
    made = Made().step(1, 0, 1000).kernel(ADD, 30, 100, called=15)
    made.on_gpu(cat, "Memcpy DtoH (Device -> Pinned)", 150, dur, made.launch(141, 690))
    found = reported(made, tmp_path)
    steps = found.steps
    assert (steps.step_ns, steps.compute_ns) == ([750_000], [100_000])
    assert (steps.exposed_copy_ns, steps.idle_ns) == ([600_000], [50_000])
    assert found.sums.busy_ns == found.sums.work_ns == 700_000
    assert max(row.share for row in found.classes) <= 1


def prefetching(copy: float) -> Made:
    """Each of three steps also launches a copy of the next batch on a stream of its own."""
    made = Made()
    for step in range(3):
        at = 200 * step
        made.step(step, at, 200).kernel(ADD, at + 10, 150)
        made.on_gpu("gpu_memcpy", "Memcpy HtoD", at + 100, copy, made.launch(at + 50), stream=20)
    return made


def test_a_copy_of_the_next_batch_is_of_the_step_that_launched_it(tmp_path: Path) -> None:
    found = reported(prefetching(90), tmp_path)
    assert found.steps.step_ns == [190_000, 200_000, 200_000]
    assert found.steps.exposed_copy_ns == [30_000] * 3
    copies = next(row for row in found.classes if row.cls == "copy")
    assert (copies.count, copies.total_ns) == (3, 270_000)


def test_one_that_runs_into_the_next_step_moves_its_beginning(tmp_path: Path) -> None:
    """Steps tile the time whatever happens; each moment is in one of them."""
    found = reported(prefetching(150), tmp_path)
    assert found.steps.step_ns == [250_000, 200_000, 200_000]
    assert found.steps.compute_ns == [190_000, 150_000, 110_000]
    assert sum(found.steps.compute_ns) == 3 * 150_000


def test_a_step_that_ran_while_another_did_is_left_out_and_told(tmp_path: Path) -> None:
    made = Made()
    for step in range(3):
        made.step(step, 100 * step, 100).kernel(ADD, 100 * step + 10, 50)
    made.on_gpu("gpu_memcpy", "Memcpy HtoD", 40, 150, made.launch(30), stream=20)
    found = reported(made, tmp_path)
    assert (found.steps.number, found.steps.step_ns) == ([0, 2], [190_000, 70_000])
    assert found.trust.excluded == [StepLeftOut(number=1, why="hidden")]


rows = st.lists(
    st.tuples(
        st.sampled_from(["kernel", "gpu_memcpy", "gpu_memset"]),
        st.integers(0, 900),
        st.one_of(st.integers(0, 200), st.just(4_000_000_000)),
        st.one_of(st.none(), st.integers(0, 900)),
        st.sampled_from([7, 9, 20]),
        st.sampled_from([0, 0, 0, -700, -(10**13)]),
    ),
    max_size=14,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=rows, marked=st.integers(0, 4), rocm=st.booleans(), span=st.booleans())
def test_identities_with_whatever_rows(
    rows: list[tuple[str, int, int, int | None, int, int]],
    marked: int,
    rocm: bool,
    span: bool,
    tmp_path: Path,
) -> None:
    """Streams that overlap, rows without a launch, copies anywhere, times that cannot be."""
    made = Made().kernel(GEMM, 905, 40, called=880)
    for step in range(marked):
        made.step(step, 250 * step, 250)
    for cat, start, dur, called, stream, off in rows:
        name = "hipLaunchKernel" if rocm else "cudaLaunchKernel"
        launch = -1 if called is None else made.launch(called, name=name)
        made.on_gpu(cat, f"{cat} of {stream}", start + off, dur, launch, stream)
    path = made.write(tmp_path)

    analysis = analyse(path)
    last = int(max(analysis.trace.host.end.max(), analysis.trace.device.end.max()))
    if span:
        analysis = analyse(path, span=Span(start=last // 3, end=last - last // 3))
    found = report(analysis)
    steps = found.steps
    parts = (
        steps.compute_ns,
        steps.exposed_communication_ns,
        steps.exposed_copy_ns,
        steps.idle_ns,
    )
    assert [sum(one) for one in zip(*parts, strict=True)] == steps.step_ns
    assert all(min(one, default=0) >= 0 for one in parts)
    assert sum(row.total_ns for row in found.idle) == sum(steps.idle_ns)
    assert all(row.total_ns >= 0 for row in found.idle)
    assert sum(row.total_ns for row in found.classes) == found.sums.work_ns
    assert sum(row.total_ns for row in found.kernels) == found.sums.work_ns
    assert found.sums.busy_ns <= sum(steps.step_ns)
    windows = analysis.steps.windows
    assert (windows.end[:-1] <= windows.start[1:]).all()
    assert (np.diff(analysis.trace.device.start) >= 0).all()
    assert (analysis.trace.device.duration >= 0).all()


ADD = "void at::native::vectorized_elementwise_kernel<4, at::native::AddFunctor<float>>(x)"


def test_work_without_a_launch_after_all_others_is_of_the_last_step(tmp_path: Path) -> None:
    made = Made().step(1, 0, 1000)
    for at in (30, 60, 90):
        made.kernel(ADD, at, 20, called=at - 10)
    made.on_gpu("kernel", ADD, 600, 200)
    found = reported(made, tmp_path)
    assert sum(found.steps.compute_ns) == 260_000
    assert found.trust.by_time == 1
    assert found.sums.work_ns == found.sums.busy_ns == 260_000


def test_it_is_of_no_step_that_the_host_had_not_begun(tmp_path: Path) -> None:
    """Each step ends with a copy whose launch is missing; by the time alone the next one has it."""
    made = Made()
    for number in range(2):
        at = number * 1000
        made.step(number, at, 1000).kernel(ADD, at + 30, 20, called=at + 10)
        made.on_gpu("gpu_memcpy", "Memcpy DtoH", at + 400, 300)
    found = reported(made, tmp_path)
    assert found.steps.exposed_copy_ns == [300_000, 300_000]
    assert found.steps.step_ns == [700_000, 1_000_000]


@pytest.mark.parametrize("launches", [1, 3])
def test_work_launched_between_two_steps_is_in_neither(tmp_path: Path, launches: int) -> None:
    made = Made()
    for number in range(3):
        at = number * 1000
        made.step(number, at, 600).kernel(ADD, at + 30, 100, called=at + 10)
        for one in range(launches):
            made.kernel(ADD, at + 700 + 60 * one, 50, called=at + 650 + one)
    found = reported(made, tmp_path)
    assert found.sums.work_ns == found.sums.busy_ns == 300_000
    assert found.steps.step_ns[0] == 130_000
    assert found.steps.step_ns[1:] == [380_000 - 60_000 * (launches - 1)] * 2
