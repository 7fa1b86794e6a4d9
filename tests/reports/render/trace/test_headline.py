"""The first line of a report: the two largest parts of a step, and what is told of a range."""

from pathlib import Path

import pytest

from resnext_bench.reports.render.trace.headline import headline
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.time.spans import Span
from tests.reports.trace.made import Made

GEMM = "ampere_sgemm_128x64_nn"
LOADER = "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__"


def told(made: Made, folder: Path, span: Span | None = None) -> str:
    return said(report(analyse(made.write(folder), span=span)))


def said(found: TraceReport) -> str:
    (line,) = headline(found)
    return line.text


def loading() -> Made:
    made = Made()
    for at in (0, 1000):
        made.step(at // 1000, at, 1000).row("user_annotation", LOADER, at + 1, 380)
        made.kernel(GEMM, at + 400, 600, called=at + 395.0)
    return made


def test_idle_time_by_its_largest_cause(tmp_path: Path) -> None:
    assert told(loading(), tmp_path) == (
        "a step takes 1.00 ms: the device computes for 0.600 ms (60 %) and waits for data for "
        "0.380 ms (38 %)"
    )


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (
            0,
            500_000,
            "in the range from 0 to 0.5 ms the device waits for data for 0.380 ms (76 %) and comp",
        ),
        (400_000, 900_000, "in the range from 0.4 to 0.9 ms the device computes for 0.500 ms"),
    ],
)
def test_a_range(tmp_path: Path, start: int, end: int, words: str) -> None:
    assert told(loading(), tmp_path, Span(start=start, end=end)).startswith(words)


def test_the_host_alone_and_communication(tmp_path: Path) -> None:
    made = Made().op("aten::add", 0, 30).op("aten::mul", 90, 10)
    assert told(made, tmp_path) == (
        "the whole trace takes 0.100 ms: no operator runs for 0.060 ms (60 %) and operators run "
        "for 0.040 ms (40 %)"
    )
    made = Made().step(0, 0, 100).kernel(GEMM, 10, 60).kernel("ncclDevKernel_AllReduce(x)", 70, 30)
    assert "and nothing runs but communication for 0.030 ms" in told(made, tmp_path)
