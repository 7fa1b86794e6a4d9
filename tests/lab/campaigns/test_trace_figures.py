"""The plain count of a trace, and that the report counts the same."""

from pathlib import Path

import pytest

from resnext_bench.lab.campaigns.trace_figures import compared, counted, told
from tests.reports.trace.made import Made

GEMM, TALK = "ampere_sgemm_128x64_nn", "ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)"


def overlapping() -> Made:
    """Two streams that overlap, and a copy after a pause."""
    made = Made().kernel(GEMM, 10, 20).kernel(TALK, 20, 30, stream=20)
    return made.on_gpu("gpu_memcpy", "Memcpy HtoD", 60, 5, made.launch(55))


def test_the_plain_count_is_the_one_by_hand() -> None:
    rows = [row for row in overlapping().rows if row["cat"] in ("kernel", "gpu_memcpy")]
    found = counted(rows)
    assert (found["rows"], found["kernels"], found["window"], found["idle"]) == (3, 2, 55, 10)
    assert (found["compute"], found["exposed_communication"]) == (20, 20)
    assert (found["communication_sum"], found["copy_sum"]) == (30, 5)


@pytest.mark.parametrize("name", ["rank0.pt.trace.json", "rank0.pt.trace.json.gz"])
def test_the_report_counts_the_same(tmp_path: Path, name: str) -> None:
    rows = compared(overlapping().write(tmp_path, name), tmp_path, None)
    assert len(rows) == 10
    for row in rows:
        assert row["ours"] == pytest.approx(row["raw"]), row["figure"]
        assert row["hta"] is None
    assert told(rows[0]).split() == [name, "rows", "3.000", "3.000", "-"]


def test_a_trace_without_device_work_has_nothing_to_count(tmp_path: Path) -> None:
    rows = compared(Made().op("aten::add", 0, 5).write(tmp_path), tmp_path, None)
    assert {row["ours"] for row in rows} == {row["raw"] for row in rows} == {0}
