"""Where a step's time goes, against a reader that asks every nanosecond of a made trace."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resnext_bench.reports.trace.analysis import Analysis, analyse
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import BACKWARD, MAIN, Made

NCCL = "ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)"
WORK = {"gemm": "ampere_sgemm_128x64_nn", "nccl": NCCL}
moment = st.integers(0, 60)
length = st.integers(0, 25)
gpu_rows = st.lists(
    st.tuples(st.sampled_from(["gemm", "nccl", "copy", "fill"]), moment, length, moment),
    max_size=10,
)


def made_on_gpu(rows: list[tuple[str, int, int, int]], steps: int) -> Made:
    """Times in ns; each row with the moment of its launch."""
    made = Made()
    for number in range(steps):
        made.step(number, number * 0.03, 0.03)
    for kind, start, duration, called in rows:
        correlation = made.launch(called / 1000, 0.001)
        cat = {"copy": "gpu_memcpy", "fill": "gpu_memset"}.get(kind, "kernel")
        made.on_gpu(cat, WORK.get(kind, kind), start / 1000, duration / 1000, correlation)
    made.on_gpu("kernel", WORK["gemm"], 0.061, 0.002, made.launch(0.0, 0.001))
    return made


def read(made: Made, folder: Path) -> Analysis:
    path = folder / "t.json"
    path.write_text(made.text())
    return analyse(path)


def running(made: Made, kinds: Callable[[dict[str, Any]], bool]) -> set[int]:
    rows = [row for row in made.rows if kinds(row)]
    spans = ((round(row["ts"] * 1000), round(row["dur"] * 1000)) for row in rows)
    return {one for start, duration in spans for one in range(start, start + duration)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=gpu_rows, steps=st.integers(0, 2))
def test_on_a_device(rows: list[tuple[str, int, int, int]], steps: int, tmp_path: Path) -> None:
    made = made_on_gpu(rows, steps)
    analysis = read(made, tmp_path)
    found, windows = report(analysis), analysis.steps.windows
    compute = running(made, lambda row: row["cat"] == "kernel" and row["name"] != NCCL)
    talks = running(made, lambda row: row["name"] == NCCL)
    copies = running(made, lambda row: row["cat"] in ("gpu_memcpy", "gpu_memset"))
    origin = round(min(row["ts"] for row in made.rows) * 1000)
    told = found.steps
    at = 0
    for index, used in enumerate(analysis.steps.used):
        if not used:
            continue
        window = set(range(windows.start[index] + origin, windows.end[index] + origin))
        assert told.step_ns[at] == len(window)
        assert told.compute_ns[at] == len(window & compute)
        assert told.exposed_communication_ns[at] == len(window & (talks - compute))
        assert told.exposed_copy_ns[at] == len(window & (copies - talks - compute))
        assert told.idle_ns[at] == len(window - compute - talks - copies)
        at += 1
    assert sum(row.total_ns for row in found.idle) == sum(told.idle_ns)
    assert sum(row.total_ns for row in found.kernels) == found.sums.work_ns
    assert sum(row.total_ns for row in found.classes) == found.sums.work_ns


op_rows = st.lists(
    st.tuples(
        st.sampled_from(["aten::conv2d", "aten::add", "c10d::allreduce_", "gloo:all_reduce"]),
        moment,
        length,
        st.sampled_from([MAIN, BACKWARD, 300]),
    ),
    min_size=1,
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=op_rows)
def test_on_a_cpu(rows: list[tuple[str, int, int, int]], tmp_path: Path) -> None:
    """On each thread time is communication while such a row runs there, else compute."""
    made = Made().step(0, 0, 0.05)
    for name, start, duration, thread in rows:
        cat = "user_annotation" if name.startswith("gloo") else "cpu_op"
        made.row(cat, name, start / 1000, duration / 1000, tid=thread)
    made.op("aten::mul", 0.01, 0.002, tid=999)
    found = report(read(made, tmp_path)).steps
    window = set(range(50))
    compute: set[int] = set()
    talks: set[int] = set()
    for thread in (MAIN, BACKWARD, 300, 999):
        mine = Made([row for row in made.rows if row["tid"] == thread])
        said = running(mine, lambda row: row["name"].startswith(("c10d", "gloo")))
        talks |= said
        compute |= running(mine, lambda row: row["cat"] == "cpu_op") - said
    assert found.compute_ns == [len(window & compute)]
    assert found.exposed_communication_ns == [len(window & (talks - compute))]
    assert found.exposed_copy_ns == [0]
    assert found.idle_ns == [len(window - compute - talks)]


def test_a_report_can_be_written(tmp_path: Path) -> None:
    import msgspec

    told = json.loads(msgspec.json.encode(report(read(made_on_gpu([], 1), tmp_path))))
    assert told["kind"] == "trace"
    assert {"class", "count"} <= set(told["kernels"][0])
