"""Times that cannot be: left out, cut or moved, counted, and never believed."""

from pathlib import Path

import pytest

from resnext_bench.reports.render.trace.time import left_out
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_time import StepLeftOut
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import Made
from tests.reports.trace.words import kinds, refused, sentences_of

GEMM, ADD = "ampere_sgemm_128x64_nn", "vectorized_elementwise_kernel"
NOW = 1_708_722_576_000_000.0
"""us since the epoch."""


def reported(made: Made, folder: Path) -> TraceReport:
    return report(analyse(made.write(folder)))


def told(found: TraceReport) -> list[tuple[str, str, int]]:
    return [(one.kind, one.done, one.rows) for one in found.trust.impossible]


def three_steps(at: float = NOW) -> Made:
    """Five kernels in each, 100 us long and 120 us apart, each launched 20 us before."""
    made = Made()
    for step in range(3):
        made.step(step, at + 660 * step, 660)
        for one in range(5):
            begun = at + 660 * step + 30 + 120 * one
            made.kernel(GEMM, begun, 100, called=begun - 20)
    return made


def kernels(made: Made) -> list[dict[str, object]]:
    return [row for row in made.rows if row["cat"] == "kernel"]


def test_usual_traces_have_none(tmp_path: Path) -> None:
    found = reported(three_steps(), tmp_path)
    assert (told(found), found.steps.step_ns) == ([], [610_000, 660_000, 660_000])


@pytest.mark.parametrize("at", [0.0, -NOW, 2 * NOW])
def test_rows_without_a_time_are_left_out(tmp_path: Path, at: float) -> None:
    """CUPTI gives them the time 0, which relative to a base is decades before it."""
    made = three_steps()
    for row in (kernels(made)[2], kernels(made)[8]):
        row.update(ts=at, dur=0)
    found = reported(made, tmp_path)
    assert told(found) == [("far", "left out", 2)]
    assert found.trust.resolution_ns == 1000
    assert sum("2 rows of the device" in one for one in sentences_of(found)) == 1
    assert found.steps.step_ns == [610_000, 660_000, 660_000]


def test_so_are_rows_of_the_host(tmp_path: Path) -> None:
    made = three_steps().op("aten::empty", 0, 5).op("aten::add", NOW + 700, 10)
    found = reported(made, tmp_path)
    assert told(found) == [("far", "left out", 1)]
    assert found.steps.step_ns == [610_000, 660_000, 660_000]


def test_half_of_a_trace_without_times(tmp_path: Path) -> None:
    made = three_steps()
    for row in kernels(made)[5:]:
        row.update(ts=0, dur=0)
    found = reported(made, tmp_path)
    assert told(found) == [("far", "left out", 10)]
    assert found.steps.number == [0]


def test_nothing_that_can_be_believed(tmp_path: Path) -> None:
    made = three_steps()
    for row in kernels(made):
        row.update(ts=0, dur=0)
    made.rows = [row for row in made.rows if row["cat"] != "cpu_op"]
    assert "15 rows of the device" in refused(lambda: reported(made, tmp_path))


@pytest.mark.parametrize("early", [11, 50, 500, 100_000])
def test_a_kernel_before_its_launch_is_left_out(tmp_path: Path, early: float) -> None:
    made = three_steps()
    row = kernels(made)[7]
    row.update(ts=row["ts"] - 20 - early, dur=3)  # type: ignore[operator]
    found = reported(made, tmp_path)
    assert told(found) == [("before launch", "left out", 1)]
    assert found.trust.impossible[0].largest_ns == early * 1000
    assert sum(row.count for row in found.kernels) == 14
    assert found.steps.step_ns == [610_000, 660_000, 660_000]


@pytest.mark.parametrize("early", [1, 9])
def test_clocks_may_differ_a_little(tmp_path: Path, early: float) -> None:
    made = three_steps()
    for row in kernels(made)[4:7]:
        row.update(ts=row["ts"] - 20 - early)  # type: ignore[operator]
    assert told(reported(made, tmp_path)) == []


@pytest.mark.parametrize("behind", [35, 3_000, 40_000_000, 1_600_000_000_000_000])
def test_if_most_begin_too_early_it_is_the_clock(tmp_path: Path, behind: float) -> None:
    """Nothing is left out, and what the device did lasts as long as it does with a good clock."""
    made, plain = three_steps(), reported(three_steps(), tmp_path)
    for row in kernels(made):
        row.update(ts=row["ts"] - behind)  # type: ignore[operator]
    found = reported(made, tmp_path)
    assert told(found)[0] == ("clocks", "moved", 15)
    assert found.steps.step_ns[1:] == plain.steps.step_ns[1:]
    assert (found.sums.work_ns, found.trust.linked_step) == (plain.sums.work_ns, 1)
    assert "times_impossible" in kinds(found)


def test_a_queue_hides_the_clock_but_not_a_wrong_row(tmp_path: Path) -> None:
    """All kernels are launched at once: that they begin late says nothing of the clock."""
    made = Made().step(0, 0, 1000)
    for one in range(10):
        made.kernel(GEMM, 500 + 50 * one, 50, called=10 + one)
    kernels(made)[6].update(ts=1, dur=2)
    kernels(made)[6]["ts"] = -300
    found = reported(made, tmp_path)
    assert told(found) == [("before launch", "left out", 1)]


@pytest.mark.parametrize("late", [1_500, 30_000_000, 1_000_000_000])
def test_a_kernel_that_is_late_does_not_hide_the_steps_behind_it(
    tmp_path: Path, late: float
) -> None:
    """A stream keeps the order of launches, and later ones ran long before."""
    made = three_steps()
    kernels(made)[2]["ts"] += late  # type: ignore[operator]
    found = reported(made, tmp_path)
    assert told(found) == [("out of order", "left out", 1)]
    assert found.steps.step_ns == [610_000, 660_000, 660_000]


def test_streams_of_rocm_may_be_several(tmp_path: Path) -> None:
    """Work of one that waits for another is no fault, though both have one number."""
    made = Made().step(0, 0, 1000)
    made.on_gpu("kernel", "ncclDevKernel_Generic(x)", 5_000, 300, made.launch(5, name="hipLaunch"))
    for one in range(10):
        launch = made.launch(10 + one, name="hipLaunchKernel")
        made.on_gpu("kernel", GEMM, 100 + 100 * one, 90, launch)
    assert told(reported(made, tmp_path)) == []


def test_a_kernel_that_is_early_in_a_long_queue(tmp_path: Path) -> None:
    made = Made().step(0, 0, 1000)
    for one in range(10):
        made.kernel(GEMM, 5_000 + 1_000 * one, 1_000, called=10 + one)
    kernels(made)[7].update(ts=6_200, dur=100)
    found = reported(made, tmp_path)
    assert told(found) == [("out of order", "left out", 1)]
    assert found.sums.work_ns == 9_000_000


def test_threads_may_launch_at_the_same_time(tmp_path: Path) -> None:
    """A call that lasts longer than another may launch behind it."""
    made = Made().step(0, 0, 9000)
    made.on_gpu("kernel", GEMM, 8_000, 100, made.launch(10, dur=100))
    made.on_gpu("kernel", GEMM, 200, 7_000, made.launch(20, dur=5, tid=9))
    assert told(reported(made, tmp_path)) == []


def test_kernels_of_days(tmp_path: Path) -> None:
    made = three_steps()
    kernels(made)[14].update(dur=86_400e6)
    found = reported(made, tmp_path)
    assert told(found) == [("too long", "left out", 1)]
    assert found.steps.step_ns[:2] == [610_000, 660_000]


@pytest.mark.parametrize("dur", [260, 5_000, 900_000])
def test_a_stream_that_overlaps_itself_is_cut(tmp_path: Path, dur: float) -> None:
    """Work that was launched later begins and ends while the kernel seems to run."""
    made = three_steps()
    kernels(made)[0].update(dur=dur)
    found = reported(made, tmp_path)
    assert told(found) == [("overlap", "cut", 1)]
    assert found.trust.impossible[0].largest_ns == (dur - 120) * 1000
    assert found.steps.step_ns == [610_000, 660_000, 660_000]
    assert found.sums.work_ns == 15 * 100_000 + 20_000


def test_one_that_ends_within_the_next_may_be(tmp_path: Path) -> None:
    made = three_steps()
    kernels(made)[0].update(dur=130)
    assert told(reported(made, tmp_path)) == []


def test_a_kernel_that_began_before_what_was_launched_before_it(tmp_path: Path) -> None:
    """Its beginning is wrong then, not its end."""
    made = Made().step(0, 0, 900)
    for at in range(5):
        made.kernel(GEMM, 100 + 100 * at, 80, called=10 + at)
    kernels(made)[3].update(ts=95, dur=385)
    found = reported(made, tmp_path)
    assert told(found) == [("overlap", "cut", 1)]
    assert (found.sums.work_ns, found.steps.idle_ns) == (5 * 80_000 + 20_000, [160_000])


def test_graphs_run_kernels_side_by_side(tmp_path: Path) -> None:
    made = Made().step(0, 0, 500)
    graph = made.launch(5, name="cudaGraphLaunch")
    made.on_gpu("kernel", GEMM, 10, 300, graph)
    for at in range(5):
        made.on_gpu("kernel", ADD, 20 + 40 * at, 20, graph)
    found = reported(made, tmp_path)
    assert (told(found), found.sums.work_ns) == ([], 400_000)


def test_the_next_kernel_may_begin_early(tmp_path: Path) -> None:
    """Programmatic launches: it waits for the one before it, and ends after it."""
    made = Made().step(0, 0, 900)
    for at in range(5):
        made.kernel(GEMM, 100 + 100 * at, 150, called=10 + at)
    found = reported(made, tmp_path)
    assert (told(found), found.sums.work_ns) == ([], 750_000)


def test_rocm_has_no_such_launches(tmp_path: Path) -> None:
    made = Made().step(0, 0, 900)
    for at in range(5):
        launch = made.launch(10 + at, name="hipLaunchKernel")
        made.on_gpu("kernel", GEMM, 100 + 100 * at, 150, launch)
    found = reported(made, tmp_path)
    assert told(found) == [("overlap", "cut", 4)]
    assert (found.sums.work_ns, found.sums.busy_ns) == (550_000, 550_000)


def test_several_streams_under_one_number_are_undetermined(tmp_path: Path) -> None:
    made = Made().step(0, 0, 9000)
    for at in range(40):
        launch = made.launch(10 + at, name="hipLaunchKernel")
        made.on_gpu("kernel", GEMM, 100 + 100 * at, 190, launch)
    found = reported(made, tmp_path)
    assert told(found) == [("mixed streams", "kept", 39)]
    assert found.sums.work_ns == 40 * 190_000
    assert any("undetermined" in one for one in sentences_of(found))


def test_communication_of_rocm_may_be_of_another_stream(tmp_path: Path) -> None:
    made = Made().step(0, 0, 9000)
    long = made.launch(5, name="hipLaunchKernel")
    made.on_gpu("kernel", "ncclDevKernel_Generic(x)", 90, 2000, long)
    for at in range(10):
        launch = made.launch(10 + at, name="hipLaunchKernel")
        made.on_gpu("kernel", GEMM, 100 + 100 * at, 50, launch)
    assert told(reported(made, tmp_path)) == []


def test_a_step_thousands_of_times_as_long_is_left_out(tmp_path: Path) -> None:
    made = Made()
    at = 0.0
    for step, length in enumerate((100, 100, 900_000, 100)):
        made.step(step, at, length)
        made.kernel(GEMM, at + length - 30, 20)
        at += length
    found = reported(made, tmp_path)
    assert found.steps.number == [0, 1, 3]
    assert found.trust.excluded == [StepLeftOut(number=2, why="long", value=9000)]
    (why,) = map(left_out, found.trust.excluded)
    assert why == "step 2: it lasts 9,000 times as long as the median step"


@pytest.mark.parametrize("odd", [1, 5])
def test_products_keep_their_shapes_beside_rows_without_a_time(tmp_path: Path, odd: int) -> None:
    """Rows of the host that are left out leave the others with other numbers."""
    made = Made()
    for at in range(odd):
        made.op("aten::add", at, 1)
    for number, edge in enumerate((64, 128, 4096)):
        at = 4e12 + 1000 * number
        made.op("aten::mm", at, 50, **{"Input Dims": [[edge, 32], [32, edge]]})
        made.kernel(f"ampere_sgemm_{edge}", at + 100, 20, called=at + 10)
    found = reported(made, tmp_path)
    assert {(row.m, row.n, row.k, row.kernel) for row in found.products} == {
        (edge, edge, 32, f"ampere_sgemm_{edge}") for edge in (64, 128, 4096)
    }
