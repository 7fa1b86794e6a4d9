"""Which tables come first, which rows are put together, and what a report calls what it is of."""

from pathlib import Path

import msgspec
import pytest

from resnext_bench.reports.render.model import Section, Summary, Table, rows_of, text_of
from resnext_bench.reports.render.trace.report import sections
from resnext_bench.reports.schema.trace import KernelRow, Layout, LayoutRow, TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.time.spans import Span
from tests.reports.trace.made import Made

GEMM = "ampere_sgemm_128x64_nn"


def reported(folder: Path, busy_us: float = 600, span: Span | None = None) -> TraceReport:
    made = Made(header={"schemaVersion": 1, "INFO": ["Record counts: Out-of-range = 4181"]})
    for at in (0, 1000):
        made.step(at // 1000, at, 1000)
        made.kernel(GEMM, at + 20, busy_us).kernel("vectorized_elementwise_kernel", at + 998, 2)
    return report(analyse(made.write(folder), span=span))


def titles(found: list[Section]) -> list[str]:
    return [one.title for one in found if isinstance(one, Summary | Table)]


def rows(found: list[Section]) -> dict[str, str]:
    boxes = (one for one in found if isinstance(one, Summary))
    return {name: text_of(value) for box in boxes for group in box.groups for name, value in group}


@pytest.mark.parametrize(("busy_us", "is_first"), [(600, False), (100, True)])
def test_where_the_device_is_idle_the_host_comes_first(
    tmp_path: Path, busy_us: float, is_first: bool
) -> None:
    found = titles(list(sections(reported(tmp_path, busy_us))))
    work = next(at for at, title in enumerate(found) if title.startswith("by class"))
    assert (found.index("how far the host ran ahead of the device") < work) is is_first


def test_classes_of_next_to_nothing_share_a_row(tmp_path: Path) -> None:
    found = reported(tmp_path)
    small = [
        msgspec.structs.replace(found.classes[-1], cls=name, share=0.0004, total_ns=800)
        for name in ("reduction", "softmax and loss")
    ]
    more = msgspec.structs.replace(found, classes=[*found.classes, *small])
    (table,) = (
        one for one in sections(more) if isinstance(one, Table) and one.title.startswith("by class")
    )
    assert [row[-1] for row in rows_of(table)] == [
        "matrix product",
        "elementwise",
        "2 more classes",
    ]
    assert rows_of(table)[-1][0] == "0.001"
    idle = msgspec.structs.replace(more.sums, work_ns=5_000)
    shown = list(sections(msgspec.structs.replace(more, sums=idle)))
    (table,) = (one for one in shown if isinstance(one, Table) and one.title.startswith("by class"))
    assert len(rows_of(table)) == 4, "where all work is little, it is told"


@pytest.mark.parametrize(("top", "count"), [(None, 5), (7, 7)])
def test_small_tables_have_five_rows_unless_told(
    tmp_path: Path, top: int | None, count: int
) -> None:
    paid = [LayoutRow(payer=f"p{at}", count=1, total_ns=9, share=0.1) for at in range(9)]
    whole = Layout(total_ns=81, share_of_step=0.9, share_of_compute=0.9, rows=paid)
    found = msgspec.structs.replace(reported(tmp_path), layout=whole)
    kernels: list[KernelRow] = found.kernels * 10
    found = msgspec.structs.replace(found, kernels=kernels)
    told = {one.title: len(rows_of(one)) for one in sections(found, top) if isinstance(one, Table)}
    assert told[f"who pays for layout transforms, the first {count} of 9"] == count
    assert any(title.endswith(f"the first {top or 15} of 20") for title in told)


def test_a_range_is_no_step(tmp_path: Path) -> None:
    found = list(sections(reported(tmp_path, span=Span(start=0, end=900_000))))
    assert not [one for one in titles(found) if "step" in one.partition("what to change")[0]]
    assert "by class, ms in the range" in titles(found)
    told = rows(found)
    assert told["range"].endswith("from 0 to 0.9 ms")
    assert "steps" not in told


def test_a_range_without_work(tmp_path: Path) -> None:
    told = rows(list(sections(reported(tmp_path, span=Span(start=700_000, end=900_000)))))
    assert told["work"] == "no device work in this range"
    assert "linked" not in told


def test_records_of_before_and_after_are_not_lost(tmp_path: Path) -> None:
    found = reported(tmp_path)
    assert rows(list(sections(found)))["outside"].startswith("4,181 records outside the recorded")
    assert "dropped" not in rows(list(sections(found)))
    lost = {"Unexpected CUDA events": 3}
    trust = msgspec.structs.replace(found.trust, dropped=lost)
    told = rows(list(sections(msgspec.structs.replace(found, trust=trust))))
    assert told["dropped"] == "by the profiler itself: Unexpected CUDA events = 3"
    assert "outside" not in told
