"""What a CPU did: no moment in two rows, none in no row."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.time.host_work import own_times
from resnext_bench.reports.trace.time.nest import parents
from tests.reports.trace.made import BACKWARD, MAIN, Made
from tests.reports.trace.time.test_nest import host, rows


def reported(made: Made, folder: Path) -> TraceReport:
    return report(analyse(made.write(folder)))


def times(found: TraceReport) -> dict[str, int]:
    return {row.name: row.total_ns for row in found.kernels}


@pytest.mark.parametrize("cat", ["cuda_runtime", "hip_runtime", "cuda_driver", "user_annotation"])
def test_time_of_calls_is_that_of_the_operator_around_them(tmp_path: Path, cat: str) -> None:
    made = Made().op("aten::mm", 0, 100).row(cat, "cudaLaunchKernel", 5, 90)
    found = reported(made.op("aten::add", 200, 10), tmp_path)
    assert times(found) == {"aten::mm": 100_000, "aten::add": 10_000}
    assert found.sums.work_ns == found.sums.busy_ns == 110_000


def test_calls_outside_of_operators_are_a_cause_of_idle_time(tmp_path: Path) -> None:
    made = Made().step(0, 0, 100).op("aten::mm", 10, 20)
    found = reported(made.row("cuda_runtime", "cudaMalloc", 40, 50), tmp_path)
    assert {row.cause: row.total_ns for row in found.idle} == {
        "calls of the device's runtime": 50_000,
        "no operator (Python, framework)": 30_000,
    }


def test_an_operator_below_an_annotation_below_an_operator(tmp_path: Path) -> None:
    made = Made().op("aten::linear", 0, 100).row("user_annotation", "part", 10, 80)
    found = reported(made.op("aten::mm", 20, 50), tmp_path)
    assert times(found) == {"aten::linear": 50_000, "aten::mm": 50_000}


@pytest.mark.parametrize(
    "name",
    [
        "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__",
        "DataLoader.__next__",
        "Optimizer.step#SGD.step",
        "## forward ##",
        "DistributedDataParallel.forward",
    ],
)
@pytest.mark.parametrize("cat", ["cpu_op", "Operator", "user_annotation"])
def test_markers_compute_nothing(tmp_path: Path, name: str, cat: str) -> None:
    """Old versions have them among the operators; figures are the same."""
    made = Made().row(cat, "ProfilerStep#3", 0, 200).row(cat, name, 20, 100)
    found = reported(made.op("aten::mm", 50, 30), tmp_path)
    assert (found.steps.number, found.steps.compute_ns) == ([3], [30_000])
    assert times(found) == {"aten::mm": 30_000}


def test_communication_within_communication_counts_once(tmp_path: Path) -> None:
    """And a copy within it is communication, as in the identity."""
    made = Made().step(0, 0, 1000).op("c10d::allreduce_", 100, 300)
    made.op("record_param_comms", 110, 280).row("user_annotation", "nccl:all_reduce", 120, 260)
    made.op("aten::copy_", 130, 200).row("cuda_runtime", "cudaStreamSynchronize", 340, 20)
    found = reported(made.op("aten::mm", 500, 40), tmp_path)
    assert found.sums.communication_ns == found.sums.communication_busy_ns == 300_000
    assert found.steps.exposed_communication_ns == [300_000]
    assert {row.cls: row.total_ns for row in found.classes} == {
        "communication": 300_000,
        "matrix product": 40_000,
    }


@pytest.mark.parametrize("cat", ["cpu_op", "user_annotation"])
def test_a_trace_may_begin_and_end_with_communication(tmp_path: Path, cat: str) -> None:
    made = Made().op("aten::mm", 100, 40)
    for start in (0, 200):
        made.row(cat, "hccl:all_reduce", start, 50)
    found = reported(made, tmp_path)
    assert (found.steps.step_ns, found.steps.exposed_communication_ns) == ([250_000], [100_000])


def test_spans_of_gloo_that_overlap_count_once(tmp_path: Path) -> None:
    """All are queued at about the same time, and end one after another or within another."""
    made = Made().step(0, 0, 2000).op("aten::mm", 1500, 40)
    for start, length in ((100, 1000), (102, 300), (104, 500), (106, 800), (300, 700)):
        made.row("user_annotation", "gloo:all_reduce", start, length, tid=BACKWARD)
    found = reported(made, tmp_path)
    assert found.sums.communication_ns == found.sums.communication_busy_ns == 1_000_000


@given(rows)
def test_each_moment_is_of_the_innermost_row(found: list[tuple[int, int, int]]) -> None:
    expected = [0] * len(found)
    for thread in range(3):
        for moment in range(45):
            open_ = [
                at
                for at, (mine, start, length) in enumerate(found)
                if mine == thread and start <= moment < start + length
            ]
            if open_:
                expected[max(open_)] += 1
    some = host(found)
    assert own_times(some, parents(some)).tolist() == expected


names = ["aten::mm", "c10d::allreduce_", "gloo:all_reduce", "cudaLaunchKernel", "part", "Step"]
cats = {"gloo:all_reduce": "user_annotation", "part": "user_annotation"}
cpu_rows = st.lists(
    st.tuples(
        st.sampled_from(names),
        st.integers(0, 90),
        st.integers(0, 60),
        st.sampled_from([MAIN, BACKWARD]),
    ),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=cpu_rows)
def test_tables_add_up_to_what_ran(rows: list[tuple[str, int, int, int]], tmp_path: Path) -> None:
    """Over both threads, of which each counts once."""
    made = Made().step(0, 0, 200).op("aten::add", 10, 5, tid=77)
    for name, start, length, thread in rows:
        cat = "cuda_runtime" if name.startswith("cuda") else cats.get(name, "cpu_op")
        made.row(cat, name, start, length, tid=thread)
    found = reported(made, tmp_path)
    ran = 0
    for thread in (MAIN, BACKWARD, 77):
        moments = np.zeros(200, dtype=bool)
        for row in made.rows[1:]:
            counts = row["cat"] == "cpu_op" or row["name"].startswith("gloo")
            if counts and row["tid"] == thread:
                moments[row["ts"] : row["ts"] + row["dur"]] = True
        ran += int(moments.sum())
    assert found.sums.work_ns == 1000 * ran
    assert sum(row.total_ns for row in found.classes) == found.sums.work_ns
    assert found.sums.busy_ns <= found.sums.work_ns
    assert sum(row.total_ns for row in found.idle) == sum(found.steps.idle_ns)
