"""The longest gaps: when, in which step, what the host did, what ended them."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.schema.trace_host import GapRow
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.host.gaps import gaps, longest, waited_for
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import BACKWARD, Made

GEMM = "ampere_sgemm_128x64_nn"


def first(made: Made, folder: Path) -> GapRow:
    analysis = analyse(made.write(folder))
    return longest(analysis, gaps(analysis))[0]


def gap() -> Made:
    """Idle from 20 to 520 us; the launch is below aten::mm, at 510."""
    made = Made().step(3, 0, 600).kernel(GEMM, 0, 20, called=0.0)
    made.op("aten::linear", 504, 10).op("aten::mm", 505, 8)
    return made.kernel(GEMM, 520, 30, called=510.0)


def test_when_and_where(tmp_path: Path) -> None:
    row = first(gap(), tmp_path)
    assert (row.step, row.start_ns, row.length_ns) == (3, 20_000, 500_000)
    assert (row.before, row.doing, row.doing_kind) == ("aten::linear", "", "none")
    assert row.doing_ns == 490_000, "what lies below operators and launches is not Python"


def test_the_innermost_row_that_takes_half(tmp_path: Path) -> None:
    made = gap().row("user_annotation", "## data ##", 21, 480)
    made.op("aten::to", 25, 470).op("aten::copy_", 26, 400)
    row = first(made, tmp_path)
    assert (row.doing, row.doing_kind) == ("aten::copy_", "operator")
    assert (row.doing_ns, row.operator) == (400_000, "aten::to")


def test_a_call_and_the_operator_that_makes_it(tmp_path: Path) -> None:
    made = gap().op("aten::item", 25, 470).row("cuda_runtime", "cudaStreamSynchronize", 26, 460)
    row = first(made, tmp_path)
    assert (row.doing, row.doing_kind, row.operator) == (
        "cudaStreamSynchronize",
        "launch",
        "aten::item",
    )


def test_many_small_rows_are_added_up_by_name(tmp_path: Path) -> None:
    made = gap()
    for at in range(20):
        made.op("aten::empty", 30 + 20 * at, 12).op("aten::view", 43 + 20 * at, 3)
    row = first(made, tmp_path)
    assert (row.doing, row.doing_ns) == ("aten::empty", 240_000)


def test_only_the_thread_that_ended_it_counts(tmp_path: Path) -> None:
    made = Made().step(0, 0, 600).kernel(GEMM, 0, 20, called=0.0)
    made.op("aten::loads", 25, 470)
    made.op("aten::mm_backward", 100, 412, BACKWARD)
    made.on_gpu("kernel", GEMM, 520, 30, made.launch(510, tid=BACKWARD))
    assert first(made, tmp_path).doing == "aten::mm_backward"


def test_a_launch_that_is_missing(tmp_path: Path) -> None:
    made = Made().step(0, 0, 600).kernel(GEMM, 0, 20, called=0.0)
    made.on_gpu("kernel", GEMM, 520, 30, 77).kernel(GEMM, 580, 10)
    row = first(made, tmp_path)
    assert (row.doing_kind, row.doing, row.before) == ("unknown", "", GEMM)


def test_gaps_of_a_cpu(tmp_path: Path) -> None:
    made = Made().step(1, 0, 100).op("aten::add", 0, 10).op("aten::mul", 80, 20)
    row = first(made.row("user_annotation", "## data ##", 15, 60), tmp_path)
    assert (row.length_ns, row.doing, row.before) == (70_000, "## data ##", "aten::mul")


def test_few_gaps_make_up_half(tmp_path: Path) -> None:
    made = Made().step(0, 0, 1000)
    for start in (0, 100, 130, 160, 400, 430):  # gaps of 90, 20, 20, 230 and 20 us
        made.kernel(GEMM, start, 10)
    analysis = analyse(made.write(tmp_path))
    found = gaps(analysis)
    assert found.of_half == 1
    assert len(found.times.start) == 5


@given(
    st.lists(
        st.tuples(st.integers(1, 50), st.integers(1, 50), st.booleans()), min_size=1, max_size=9
    )
)
def test_what_was_waited_for_adds_up_to_the_idle_time(rows: list[tuple[int, int, bool]]) -> None:
    made, moment = Made(), 0
    for at, (free, duration, linked) in enumerate(rows):
        moment += free
        if linked:
            made.op(f"aten::op{at % 2}", moment - 0.5, 0.4)
            made.kernel(GEMM, moment, duration, called=moment - 0.3)
        else:
            made.on_gpu("kernel", GEMM, moment, duration, 5)
        moment += duration
    with TemporaryDirectory() as folder:
        analysis = analyse(made.write(Path(folder)))
    found = gaps(analysis)
    idle = sum(free for free, _, _ in rows[1:]) * 1000
    waited = waited_for(analysis, found)
    assert sum(row.total_ns for row in waited) == idle
    assert sum(row.count for row in waited) == len(rows) - 1
    assert sum(row.length_ns for row in longest(analysis, found)) <= idle


def test_where_the_device_is_not_recorded_nothing_is_known_to_idle(tmp_path: Path) -> None:
    made = Made().op("aten::mm", 0, 20)
    for at in range(20):
        made.launch(500 + 10 * at)
    found = report(analyse(made.op("aten::mm", 900, 20).write(tmp_path)))
    assert found.alone
    assert (found.host.gap_count, found.host.gaps, found.host.waited_for) == (0, [], [])
