"""Steps of traces without ProfilerStep: annotations that repeat, launches that repeat, a range."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.errors import SpanError
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.time.patterns import period
from resnext_bench.reports.trace.time.spans import Span
from tests.reports.trace.made import BACKWARD, Made
from tests.reports.trace.words import kinds

KERNELS = ("ampere_sgemm_128x64_nn", "vectorized_elementwise_kernel", "reduce_kernel", "softmax")
OTHERS = ("first", "second", "third")


def reported(made: Made, folder: Path, span: Span | None = None) -> TraceReport:
    return report(analyse(made.write(folder), span=span))


def told(found: TraceReport) -> tuple[str, str | None, int]:
    return found.trust.steps_from.kind, found.trust.steps_from.name, found.trust.steps_used


def mark(made: Made, name: str, ts: float, dur: float, **more: object) -> Made:
    return made.row("user_annotation", name, ts, dur, **more)


def work(made: Made, ts: float, count: int = 4, different: bool = False) -> Made:
    """Kernels of 10 us, launched every 20 us."""
    for at in range(count):
        name = KERNELS[at % 4]
        made.kernel(f"{name}{ts if different else ''}", ts + 20 * at + 5, 10, called=ts + 20 * at)
    return made


Names = Callable[[int], str]


@pytest.mark.parametrize(
    ("name", "label", "numbers"),
    [
        (lambda at: f"execute_{at % 2}_context_3(sq128sk256)", "execute_…", [1, 2, 3, 4]),
        (lambda at: f"step[{'DECODE' if at else 'EXTEND'} bs={4 - at}]", "step[…]", [1, 2, 3, 4]),
        (lambda at: f"train_step {at + 12}", "train_step N", [12, 13, 14, 15]),
        (lambda at: f"iteration#{3 * at}", "iteration#N", [0, 3, 6, 9]),
        (lambda at: "## step ##", "## step ##", [1, 2, 3, 4]),
        (lambda at: "my_loop_body", "my_loop_body", [1, 2, 3, 4]),
    ],
)
def test_annotations_that_hold_the_work(
    tmp_path: Path, name: Names, label: str, numbers: list[int]
) -> None:
    """Every step launches other kernels, so that nothing else tells them."""
    made = Made()
    for at in range(4):
        work(mark(made, name(at), 100 * at, 90), 100 * at + 2, 4, different=True)
    found = reported(made, tmp_path)
    assert told(found) == ("annotation", label, 4)
    assert found.steps.number == numbers
    assert found.steps.step_ns[1:] == [100_000] * 3
    assert found.trust.linked_step == 1
    assert "steps_unmarked" not in kinds(found)


def test_work_between_them_is_of_the_one_before(tmp_path: Path) -> None:
    made = Made()
    for at in range(3):
        work(mark(made, f"execute_{at}", 100 * at, 60), 100 * at + 2, 5, different=True)
    found = reported(made, tmp_path)
    assert told(found) == ("annotation", "execute_…", 3)
    assert sum(row.count for row in found.kernels) == 15


def test_of_nested_ones_the_outermost_that_repeats(tmp_path: Path) -> None:
    made = mark(Made(), "training", 0, 1000)
    for at in range(3):
        mark(made, f"loop {at}", 300 * at, 290)
        for part in range(2):
            mark(made, "## forward ##", 300 * at + 140 * part, 60)
            mark(made, "micro", 300 * at + 140 * part, 130)
            work(made, 300 * at + 140 * part + 1, 5, different=True)
    assert told(reported(made, tmp_path)) == ("annotation", "loop N", 3)


def test_names_that_say_step_go_first(tmp_path: Path) -> None:
    """Two requests of a server, each of many steps; an epoch is no step."""
    made = Made()
    for request in range(2):
        mark(made, "generate", 1000 * request, 900)
        mark(made, f"epoch {request}", 1000 * request, 950)
        for at in range(4):
            ts = 1000 * request + 200 * at
            work(mark(made, f"execute_{at}", ts + 1, 150), ts + 2, 4, different=True)
    assert told(reported(made, tmp_path)) == ("annotation", "execute_…", 8)


def test_layers_are_no_steps(tmp_path: Path) -> None:
    made = Made()
    for at in range(12):
        work(mark(made, f"layer_{at % 4}", 100 * at, 90), 100 * at + 2, 4, different=True)
    found = reported(made, tmp_path)
    assert told(found) == ("annotation", "layer_0 … layer_3", 3)
    assert found.steps.step_ns[1:] == [400_000] * 2


def parts(*names: str, lead: int = 0, steps: int = 3) -> Made:
    """Parts of steps that follow each other; `lead`: how many of the first step are missing."""
    made = Made()
    for at in range(lead, steps * len(names)):
        name = names[at % len(names)]
        kernels = 1 + at % len(names)
        work(mark(made, name, 100 * at, 95), 100 * at + 2, kernels, different=True)
    return made


def test_parts_that_take_turns(tmp_path: Path) -> None:
    found = reported(parts("## forward ##", "## backward ##", "## optimizer ##"), tmp_path)
    assert told(found)[0::2] == ("annotation", 3)
    assert found.trust.steps_from.name == "## forward ##, ## backward ##, ## optimizer ##"
    assert found.steps.step_ns[1:] == [300_000] * 2


def test_they_may_begin_in_the_middle_of_a_step(tmp_path: Path) -> None:
    """A step ends with its optimizer: what is left of the first one is no step."""
    made = parts("## forward ##", "## backward ##", "## optimizer ##", lead=1, steps=4)
    found = reported(made, tmp_path)
    assert told(found)[0::2] == ("annotation", 3)
    assert found.trust.steps_from.name == "## forward ##, ## backward ##, ## optimizer ##"
    assert sum(row.count for row in found.kernels) == 18


@pytest.mark.parametrize(("lead", "steps"), [(0, 4), (70, 3)])
def test_the_optimizer_ends_a_step(tmp_path: Path, lead: float, steps: int) -> None:
    """The first is used if it is as long as the others: else the trace began within it."""
    made = Made()
    for at in range(4):
        work(made, 200 * at, 8, different=True)
        mark(made, "Optimizer.step#SGD.step", 200 * at + 165, 20)
        made.kernel("multi_tensor_apply_kernel", 200 * at + 175, 10, called=200 * at + 167)
    made.rows = [row for row in made.rows if row["ts"] >= lead]
    found = reported(made, tmp_path)
    assert told(found) == ("annotation", "Optimizer.step#SGD.step", steps)
    assert found.steps.step_ns[-1] == 200_000
    assert sum(row.count for row in found.kernels) == 9 * steps


def slow_first(*later: int) -> Made:
    """A first step that has nearly all of the work, then steps with so many operators each."""
    made = Made()
    for at in range(100):
        made.op("aten::randn", 20 * at, 15)
    for at, count in enumerate((6, *later)):
        for one in range(count):
            made.op("aten::mm", 2000 + 200 * at + 12 * one, 2)
        mark(made, "Optimizer.step#Adam.step", 2000 + 200 * at + 170, 20)
    return made


def test_a_slow_first_step_does_not_hide_those_behind_it(tmp_path: Path) -> None:
    """It warms up: 1,512 of 1,560 us of work; four alike are steps, and it is none."""
    found = reported(slow_first(6, 6, 6, 6), tmp_path)
    assert told(found) == ("annotation", "Optimizer.step#Adam.step", 4)
    assert found.steps.step_ns == [200_000] * 4


@pytest.mark.parametrize("later", [(6,), (6, 3, 9), (6, 6, 3)])
def test_but_steps_behind_it_have_to_be_alike(tmp_path: Path, later: tuple[int, ...]) -> None:
    assert told(reported(slow_first(*later), tmp_path))[0] == "whole"


def test_old_traces_have_it_among_the_operators(tmp_path: Path) -> None:
    made = Made()
    for at in range(3):
        work(made, 200 * at, 8, different=True).op("Optimizer.step#SGD.step", 200 * at + 165, 20)
    assert told(reported(made, tmp_path)) == ("annotation", "Optimizer.step#SGD.step", 3)


def test_a_part_alone_tells_steps_if_they_are_alike(tmp_path: Path) -> None:
    """From each forward to the next there is as much; it holds a part of the work itself."""
    made = Made()
    for at in range(4):
        mark(made, "DistributedDataParallel.forward", 200 * at, 50)
        work(made, 200 * at + 2, 8, different=True)
    found = reported(made, tmp_path)
    assert told(found) == ("annotation", "DistributedDataParallel.forward", 4)
    assert found.trust.linked_step == 1


def test_else_they_tell_nothing(tmp_path: Path) -> None:
    made = Made()
    for at in range(4):
        mark(made, "attention", 200 * at, 30)
        work(made, 200 * at + 2, 2 + 2 * at, different=True)
    found = reported(made, tmp_path)
    assert told(found) == ("whole", None, 0)
    assert "steps_unmarked" in kinds(found)


def test_loading_layers_and_communication_are_no_steps(tmp_path: Path) -> None:
    made = Made()
    for at in range(4):
        for name in (
            "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__",
            "nccl:all_reduce",
            "## layer1.0: Bottleneck ##",
            "Optimizer.zero_grad#SGD.zero_grad",
        ):
            mark(made, name, 200 * at, 190)
        work(made, 200 * at + 2, 2 + at, different=True)
    assert told(reported(made, tmp_path))[0] == "whole"


def test_the_profiler_goes_first(tmp_path: Path) -> None:
    made = Made()
    for at in range(4):
        work(mark(made, f"train_step {at}", 100 * at, 90), 100 * at + 2)
    made.step(7, 0, 200).step(8, 200, 200)
    found = reported(made, tmp_path)
    assert (told(found), found.steps.number) == (("profiler", None, 2), [7, 8])


def test_on_a_cpu(tmp_path: Path) -> None:
    made = Made()
    for at in range(3):
        mark(made, f"train_step {at}", 100 * at, 90).op("aten::mm", 100 * at + 5, 70)
    found = reported(made, tmp_path)
    assert told(found) == ("annotation", "train_step N", 3)
    assert found.steps.step_ns == [100_000, 100_000, 90_000]
    assert found.steps.compute_ns == [70_000] * 3


# Patterns of launches


def repeated(steps: int, lead: int = 0, **more: object) -> Made:
    """Steps of 12 kernels: three layers alike, and what stands before and behind them."""
    made = Made()
    names = ["embedding_kernel", *KERNELS[:3] * 3, "lm_head_gemm", "argmax_kernel"]
    for at in range(lead, steps * 12):
        ts = 20 * at + 100 * (at // 12)
        made.kernel(names[at % 12], ts + 5, 10, called=ts, **more)  # type: ignore[arg-type]
    return made


def test_the_largest_pattern_is_the_step(tmp_path: Path) -> None:
    found = reported(repeated(5), tmp_path)
    assert told(found) == ("pattern", None, 5)
    assert found.trust.steps_from.launches == 12
    assert found.steps.step_ns[1:] == [340_000] * 4


def test_a_pattern_may_begin_in_the_middle(tmp_path: Path) -> None:
    """After another first step, steps begin behind the longest pause."""
    made = Made()
    for at, name in enumerate(("warm", "up", "embedding_kernel_v2", *KERNELS[:3])):
        made.kernel(name, 20 * at - 195, 10, called=20 * at - 200)
    for row in repeated(5).rows:
        made.rows.append(row)
    made.rows = [
        row | {"args": row["args"] | {"correlation": 5000 + at // 2}}
        for at, row in enumerate(made.rows)
    ]
    found = reported(made, tmp_path)
    assert (told(found)[0], found.trust.steps_from.launches) == ("pattern", 12)
    begins = [row["ts"] for row in repeated(5).rows if row["name"] == "embedding_kernel"]
    analysis = analyse(made.write(tmp_path))
    first = analysis.steps.host.start + analysis.trace.origin_ns
    assert set(first[1:].tolist()) <= {round(1000 * (one - 5)) for one in begins}
    assert found.steps.step_ns[1:] == [340_000] * (len(first) - 1)


def test_copies_that_come_now_and_then_do_not_hide_it(tmp_path: Path) -> None:
    made = repeated(5)
    made.on_gpu("gpu_memcpy", "Memcpy DtoH", 348, 1, made.launch(344))
    made.on_gpu("gpu_memcpy", "Memcpy DtoH", 1028, 1, made.launch(1024))
    found = reported(made, tmp_path)
    assert (told(found)[0], found.trust.steps_from.launches) == ("pattern", 12)
    assert found.trust.linked_step == 1


def test_graphs_and_traces_of_the_device_alone(tmp_path: Path) -> None:
    graphs, alone = Made(), Made()
    for step in range(4):
        graph = graphs.launch(500 * step, name="cudaGraphLaunch")
        for at in range(5):
            ts, name = 500 * step + 10 + 20 * at, KERNELS[at % 4]
            graphs.on_gpu("kernel", name, ts, 10, graph)
            alone.on_gpu("kernel", name, ts, 10)
    found = reported(graphs, tmp_path)
    assert (told(found), found.trust.steps_from.launches) == (("pattern", None, 4), 5)
    assert found.steps.step_ns[1:] == [500_000] * 3
    found = reported(alone, tmp_path)
    assert (told(found), found.trust.steps_from.launches) == (("pattern", None, 4), 5)
    assert sum(row.count for row in found.kernels) == 20


def test_many_steps_in_one_graph_have_no_host(tmp_path: Path) -> None:
    made = Made()
    graph = made.launch(0, name="cudaGraphLaunch")
    for at in range(40):
        made.on_gpu("kernel", KERNELS[at % 4], 10 + 20 * at, 10, graph)
    assert told(reported(made, tmp_path))[0] == "whole"


@pytest.mark.parametrize(
    "names",
    ["aaaaaaaaaaaaaaa", "abcdefghijkl", "ababab", "abcabc", "abcabcabcdefghijklmnopqrst", ""],
)
def test_no_pattern(names: str) -> None:
    """One kernel over and over, too few repetitions, too little of the whole."""
    assert period(np.array([ord(one) for one in names], dtype=np.int32)) is None


@given(
    step=st.lists(st.integers(0, 3), min_size=3, max_size=30),
    repeats=st.integers(3, 9),
    head=st.lists(st.integers(10, 12), max_size=5),
    tail=st.integers(0, 29),
)
def test_a_period_is_one(step: list[int], repeats: int, head: list[int], tail: int) -> None:
    names = [*head, *(step * repeats), *step[: tail % len(step)]]
    found = period(np.array(names, dtype=np.int32))
    if len(set(step)) == 1:
        assert found is None
        return
    assert found
    first, length, covered = found
    assert covered >= len(step) * repeats
    assert len(step) % length == 0
    mine = names[first : first + covered]
    assert mine[length:] == mine[:-length]


# Ranges


def test_a_range_is_cut_out(tmp_path: Path) -> None:
    """What lies across an edge counts with what lies within."""
    made = Made().step(0, 0, 1000)
    made.kernel(KERNELS[0], 100, 200).kernel(KERNELS[1], 350, 100)
    made.kernel("ncclDevKernel_AllReduce(x)", 440, 200, stream=9)
    span = Span(start=200_000, end=500_000)
    found = reported(made, tmp_path, span)
    assert told(found) == ("range", None, 0)
    assert (found.trust.steps_from.from_ns, found.trust.steps_from.to_ns) == (200_000, 500_000)
    steps = found.steps
    assert (steps.step_ns, steps.compute_ns) == ([300_000], [200_000])
    assert (steps.exposed_communication_ns, steps.idle_ns) == ([50_000], [50_000])
    assert (found.sums.work_ns, found.sums.busy_ns) == (260_000, 250_000)
    assert sum(row.total_ns for row in found.idle) == 50_000


def test_a_range_of_a_cpu(tmp_path: Path) -> None:
    made = Made().op("aten::linear", 0, 100).op("aten::mm", 20, 60).op("aten::add", 150, 50)
    found = reported(made, tmp_path, Span(start=50_000, end=160_000))
    assert (found.steps.compute_ns, found.steps.idle_ns) == ([60_000], [50_000])
    times = {row.name: row.total_ns for row in found.kernels}
    assert times == {"aten::mm": 30_000, "aten::linear": 20_000, "aten::add": 10_000}


def test_a_range_in_which_nothing_ran(tmp_path: Path) -> None:
    made = Made().kernel(KERNELS[0], 100, 10).kernel(KERNELS[0], 500, 10)
    found = reported(made, tmp_path, Span(start=200_000, end=300_000))
    assert (found.steps.step_ns, found.steps.idle_ns, found.kernels) == ([100_000], [100_000], [])
    assert [(row.cause, row.total_ns) for row in found.idle] == [
        ("no more work until the end", 100_000)
    ]


LASTS = "lasts 0.412 ms; give moments from 0 to that"
ENDS = "the trace ends at 0.412 ms"


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (0, 513_000, f"--to 0.513: {ENDS}"),
        (513_000, None, f"--from 0.513: {ENDS}"),
        (300_000, 300_000, LASTS),
        (5, 4, LASTS),
    ],
)
def test_what_is_no_range_is_told(tmp_path: Path, start: int, end: int | None, said: str) -> None:
    made = Made().kernel(KERNELS[0], 100, 10).kernel(KERNELS[0], 500, 10)
    with pytest.raises(SpanError, match=re.escape(said)):
        reported(made, tmp_path, Span(start=start, end=end))


def test_annotations_of_other_threads_are_left_alone(tmp_path: Path) -> None:
    made = Made()
    for at in range(3):
        mark(made, f"train_step {at}", 100 * at, 90)
        mark(made, "writer", 100 * at, 95, tid=BACKWARD)
        work(made, 100 * at + 2, 4, different=True)
    assert told(reported(made, tmp_path)) == ("annotation", "train_step N", 3)


@pytest.mark.parametrize("before", [1, 60])
def test_the_first_of_repeating_launches_does_not_hold_the_pause_before(
    tmp_path: Path, before: int
) -> None:
    made = Made()
    for at in range(before):
        made.kernel(f"warm_{at}", at * 10.0 + 5, 3)
    for number in range(8):
        for one in range(12):
            made.kernel(f"kernel_{one}", 5e6 + number * 1000 + one * 20 + 5, 10)
    found = reported(made, tmp_path)
    assert found.trust.steps_from.kind == "pattern"
    assert max(found.steps.step_ns) <= 1_100_000
