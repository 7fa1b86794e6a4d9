"""The host's tables on terminals of every width."""

from pathlib import Path

import pytest

from resnext_bench.reports.render.trace.report import sections
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.drawn import drawn
from tests.reports.trace.made import BACKWARD, Made

GEMM, NCCL = "ampere_sgemm_128x64_nn", "ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)"
LOADER = "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__"


def reported(folder: Path) -> TraceReport:
    made = Made()
    for number in range(3):
        at = 1000.0 * number
        made.step(number + 7, at, 1000).row("user_annotation", LOADER, at + 1, 300)
        made.op("aten::to", at + 310, 200)
        copied = made.launch(at + 320, dur=100, name="cudaMemcpyAsync")
        made.on_gpu("gpu_memcpy", "Memcpy HtoD (Pageable -> Device)", at + 330, 80, copied)
        made.rows[-1]["args"]["bytes"] = 1_500_000
        made.row("cuda_runtime", "cudaStreamSynchronize", at + 425, 80)
        made.op("autograd::engine::evaluate_function: ConvolutionBackward0", at + 600, 50)
        made.kernel(GEMM, at + 650, 200, called=at + 605)
        made.kernel(NCCL, at + 700, 250, stream=20)
    return report(analyse(made.write(folder)))


@pytest.mark.parametrize("width", [80, 100, 160])
def test_it_fits_and_figures_are_whole(tmp_path: Path, width: int) -> None:
    found = reported(tmp_path)
    shown = drawn(sections(found), width, uncut=found.file)
    text = "\n".join(shown)
    for whole in (
        "launch queue",
        "launch to start",
        "nothing runs on the device",
        "cudaStreamSynchronize",
        "aten::to",
        "to the device, pageable memory",
        "18.8",  # GB/s
        "communication",
        "DataLoader",
    ):
        assert whole in text
    tables = text.partition("the longest of")[2].partition("by class")[0]
    figures = [word for line in tables.splitlines() for word in line.split()[:3]]
    assert not [word for word in figures if word[:1].isdigit() and "…" in word]


def test_a_busy_device_has_no_table_of_gaps(tmp_path: Path) -> None:
    made = Made().step(0, 0, 2000).kernel(GEMM, 0, 900, called=0.0).kernel(GEMM, 910, 90)
    found = report(analyse(made.write(tmp_path)))
    text = "\n".join(drawn(sections(found), 100, uncut=found.file))
    assert "launch queue" in text
    assert "the longest of" not in text


def test_a_cpu_has_threads(tmp_path: Path) -> None:
    made = Made().step(0, 0, 100).op("aten::add", 0, 30).op("aten::mul", 80, 20)
    made.op("aten::mm", 60, 10, BACKWARD)
    found = report(analyse(made.write(tmp_path)))
    text = "\n".join(drawn(sections(found), 100, uncut=found.file))
    assert "threads with operators" in text
    assert "no operator runs" in text
    assert "launch queue" not in text
