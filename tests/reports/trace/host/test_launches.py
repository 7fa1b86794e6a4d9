"""How kernels were launched: the queue, the delay, kernels that were not worth a call."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.schema.trace_host import Launches
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.host.launches import launches
from tests.reports.trace.made import Made

GEMM = "ampere_sgemm_128x64_nn"


def found(made: Made, folder: Path) -> Launches:
    one = launches(analyse(made.write(folder)))
    assert one
    return one


def test_a_host_far_ahead(tmp_path: Path) -> None:
    """Four launches at once; kernels of 100 us run one after another."""
    made = Made().step(0, 0, 500)
    for at in range(4):
        made.kernel(GEMM, 10 + 100 * at, 100, called=float(at))
    queue = found(made, tmp_path).queue
    assert queue
    # From 10 us on, 100 us each: 3, 2, 1 and 0 are waiting; before it 1, 2, 3 and 4, and 7 us of 4.
    assert (queue.median, queue.most) == (2, 4)
    assert queue.empty == pytest.approx(100 / 410)
    assert queue.delay_median_ns == pytest.approx(158_500)
    assert queue.delay_p95_ns == 307_000


def test_a_host_too_late_has_nobody_waiting(tmp_path: Path) -> None:
    made = Made().step(0, 0, 500)
    for at in range(4):
        made.kernel(GEMM, 10 + 100 * at, 3, called=5.0 + 100 * at)
    queue = found(made, tmp_path).queue
    assert queue
    assert (queue.median, queue.most, queue.delay_median_ns) == (0, 1, 5000)
    assert queue.empty > 0.9


def test_clocks_that_differ_by_a_little(tmp_path: Path) -> None:
    """A kernel that begins just before its launch has waited for no time."""
    made = Made().step(0, 0, 100).kernel(GEMM, 10, 5, called=10.5).kernel(GEMM, 30, 5, called=28)
    queue = found(made, tmp_path).queue
    assert queue
    assert (queue.delay_median_ns, queue.most) == (1000, 1)


def test_short_kernels_and_their_calls(tmp_path: Path) -> None:
    """Two shorter than 10 us, of which one is shorter than its call of 4 us."""
    made = Made().step(0, 0, 200)
    for at, duration in enumerate((3, 9, 40)):
        called = made.launch(10 + 50 * at, dur=4)
        made.on_gpu("kernel", GEMM, 15 + 50 * at, duration, called)
    one = found(made, tmp_path)
    assert (one.kernels, one.calls, one.graphs) == (3, 3, 0)
    assert (one.under_10_us.count, one.under_10_us.total_ns) == (2, 12_000)
    assert (one.under_call.count, one.under_call.total_ns) == (1, 3000)
    assert (one.call_median_ns, one.calls_ns, one.median_ns) == (4000, 12_000, 9000)


@pytest.mark.parametrize("name", ["cudaGraphLaunch", "hipGraphLaunch", "cuGraphLaunch"])
def test_a_graph_launches_many_with_one_call(tmp_path: Path, name: str) -> None:
    """Its call of 40 us is 1 us for each of 40 kernels, which take 2 us."""
    made = Made().step(0, 0, 200)
    graph = made.launch(10, dur=40, name=name)
    for at in range(40):
        made.on_gpu("kernel", GEMM, 60 + 2 * at, 2, graph)
    one = found(made, tmp_path)
    assert (one.kernels, one.calls, one.graphs) == (40, 1, 1)
    assert one.under_call.count == 0
    assert one.queue
    assert one.queue.most == 40


def test_without_launches_there_is_no_queue(tmp_path: Path) -> None:
    one = found(Made().on_gpu("kernel", GEMM, 10, 5), tmp_path)
    assert (one.queue, one.call_median_ns, one.calls, one.linked) == (None, None, 0, 0)


def test_a_cpu_launches_nothing(tmp_path: Path) -> None:
    assert launches(analyse(Made().op("aten::add", 0, 5).write(tmp_path))) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 60), st.integers(1, 40)),
        min_size=1,
        max_size=12,
    )
)
def test_the_queue_is_what_is_counted_at_every_moment(rows: list[tuple[int, int, int]]) -> None:
    made = Made()
    for stream, (called, wait, duration) in enumerate(rows):  # one stream runs one after another
        made.kernel(GEMM, called + wait, duration, called=float(called), stream=stream)
    with TemporaryDirectory() as folder:
        queue = found(made, Path(folder)).queue
    first = min(called + wait for called, wait, _ in rows)
    last = max(called + wait + duration for called, wait, duration in rows)
    waiting = [
        sum(called <= moment < called + wait for called, wait, _ in rows)
        for moment in range(first, last)
    ]
    assert queue
    assert queue.most == max(waiting)
    assert queue.empty == pytest.approx(waiting.count(0) / len(waiting))
    below = np.mean(np.array(waiting) <= queue.median)
    assert below >= 0.5 >= np.mean(np.array(waiting) < queue.median)
