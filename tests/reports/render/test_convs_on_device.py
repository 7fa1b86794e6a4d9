"""What is said of plans that were timed on a GPU, at 80 columns."""

import pytest
from msgspec.structs import replace

from resnext_bench.reports.render.kinds import renderer_of
from resnext_bench.reports.render.markdown import markdown
from resnext_bench.reports.schema.convs import WRONG, Convs
from resnext_bench.reports.schema.kinds import kind_of
from resnext_bench.reports.schema.notes import note
from resnext_bench.reports.schema.plan_times import Fault, FaultKind, Times, TorchChoice
from resnext_bench.reports.store.conv_differences import diff
from tests.reports.drawn import drawn
from tests.reports.made_plan_times import (
    made_choice,
    made_plan_times,
    made_problem,
    made_timed_plan,
)


def told(record: Convs) -> str:
    lines = drawn(renderer_of(record).sections(record), 80)
    return " ".join(" ".join(line for line in lines if not line.startswith("─")).split())


def test_the_headline_says_what_is_lost() -> None:
    out = told(made_plan_times())
    assert (
        "resnext50_32x4d on NVIDIA H200: PyTorch took 1.80 ms, best is 900 µs, floor 771 µs: "
        "50 ±0 % of the time of these convolutions lost"
    ) in out
    assert "layer1.0.conv2 x2 forward 200 µs 100 µs 85.6 µs 50 ±0 % eng3 3/5*" in out
    assert "limit of 2, and is never tried, in 6 of 6 problems." in out
    assert "PyTorch over a step: benchmark off 1.98 ms, limit 10 1.80 ms, no limit 900 µs" in out


def test_all_plans_of_one_convolution_cold_and_warm() -> None:
    out = told(made_plan_times([made_problem()]))
    assert "PyTorch limit 10 (2) 200 µs 160 µs kernels of eng2" in out
    assert "3 eng3 k2=3 100 µs 80.0 µs none best" in out
    assert "5 eng8 k1 – – 1,048,576.0 MiB has no room for its workspace" in out


def test_wrong_plans_are_loud_and_the_exit_code_says_so() -> None:
    wrong = made_timed_plan(7, 1.0, samples_us=(), notes=(WRONG,), faults=(Fault(kind="wrong"),))
    problem = made_problem()
    record = made_plan_times([replace(problem, plans=(*problem.plans, wrong))])
    assert "1 plan: WRONG: off by more than rounding (first eng7_k2=7 in the forward of" in told(
        record
    )
    assert kind_of(record).outcomes(record) == {"invalid"}
    assert renderer_of(record).doubt(record).startswith("1 plan computed a wrong result")
    assert renderer_of(made_plan_times()).doubt(made_plan_times()) == ""


def test_choices_that_vary_are_told() -> None:
    choices = tuple(made_choice("limit 10", at, 100.0 * at, at) for at in (1, 2))
    out = told(made_plan_times([made_problem(choices=choices)]))
    assert (
        "Asked anew 2 times, limit 10, PyTorch chose other kernels in 1 of 1 "
        "problem; the slowest choice took up to 100 % more than the fastest (forward of "
        "layer1.0.conv2)."
    ) in out


def test_doubts_of_the_clocks_are_told_once_with_their_problems() -> None:
    hot = note("throttled", percent=40.0, reasons=("hw_thermal_slowdown",))
    out = told(made_plan_times([made_problem(doubts=(hot,)), made_problem(1, doubts=(hot,))]))
    assert out.count("doubtful") == 1
    assert "(forward of layer1.0.conv2 and 1 more)" in out


def test_what_could_not_be_timed_says_why() -> None:
    lost = made_problem(plans=(), choices=(), why="out of memory")
    out = told(made_plan_times([lost, made_problem(1), made_problem(1), made_problem(1)]))
    assert "out of memory" in out
    failed = made_plan_times([lost], status="failed", why="nothing could be timed: out of memory")
    assert told(failed).startswith("nothing could be timed: out of memory")


def test_two_records_differ_by_pytorch_s_choices() -> None:
    a, b = made_plan_times([made_problem()]), made_plan_times([made_problem()])
    (found,) = diff(a, b).times
    assert found.kernel == ("kernel2", "kernel2")


def test_markdown_has_the_same() -> None:
    record = made_plan_times()
    assert "PyTorch took 1.80 ms" in markdown(renderer_of(record).sections(record))


def test_types_and_layouts_are_never_added_up() -> None:
    record = made_plan_times()
    first, second = record.convolutions
    record = replace(record, convolutions=(first, replace(second, dtype="fp32", layout="nchw")))
    out = told(record)
    assert "resnext50_32x4d, bf16 NHWC on NVIDIA H200: PyTorch took 1.20 ms" in out
    assert "resnext50_32x4d, fp32 NCHW on NVIDIA H200: PyTorch took 600 µs" in out
    assert "weight gradient 200 µs 100 µs 171 µs 50 ±0 % eng3 3/5*" in out
    assert "fp32 NCHW weight gradient" in out


NO_GRAPH = Fault(kind="uncaptured", said="operation not permitted")


def faulty(*faults: Fault, error: float | None = None) -> TorchChoice:
    return made_choice("limit 10", 1, 1.0, 1, times=Times(error=error, faults=faults))


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("wrong", 0.3, "has a relative error of 0.3 against float64, more than its type allows"),
        ("unwritten", None, "leaves NaN of the memory in its result"),
    ],
)
def test_a_wrong_choice_of_pytorch_stands_first(
    kind: FaultKind, error: float | None, words: str
) -> None:
    wrong = made_problem(choices=(faulty(Fault(kind=kind), error=error),))
    record = made_plan_times([wrong, made_problem(1)])
    out = told(record)
    first = f"WRONG: what PyTorch itself chose (limit 10) for the forward of layer1.0.conv2 {words}"
    assert out.startswith(first)
    assert "lost (in 1 of 2 problems: PyTorch's choice is wrong in 1)" in out
    assert kind_of(record).outcomes(record) == {"invalid"}
    assert renderer_of(record).doubt(record) == f"{first}; do not train with it"


def test_a_choice_that_could_not_be_captured_is_in_the_headline() -> None:
    every = [made_problem(choices=(faulty(NO_GRAPH),)), *[made_problem(1)] * 3]
    out = told(made_plan_times(every, image_size=224))
    assert "lost (in 3 of 4 problems: PyTorch's choice has no CUDA graph in 1)" in out
    assert "layer1.0.conv2 x2 forward – – – – PyTorch's choice has no CUDA graph" in out
    assert (
        "PyTorch's choice has no CUDA graph, and was not timed (limit 10, forward of "
        "layer1.0.conv2): operation not permitted"
    ) in out
    assert "of a step" not in out


def test_a_share_of_a_step_is_by_calculation() -> None:
    out = told(made_plan_times(image_size=224))
    # 900 µs of 1.80 ms and 28.4 ms: 2.98 %.
    assert "of the time of these convolutions lost, at most 3 % of a step" in out
    assert "everything else in it takes at least 28.4 ms by calculation" in out
    assert "of a step" not in told(made_plan_times())


def test_what_was_interrupted_is_told_first() -> None:
    never = made_problem(1, plans=(), choices=(), why="interrupted before it was timed")
    why = "after 3 of 4 problems"
    record = made_plan_times([*[made_problem()] * 3, never], status="interrupted", why=why)
    out = told(record)
    assert out.startswith("INTERRUPTED: after 3 of 4 problems")
    assert "lost (in 3 of 4 problems: 1 was not timed)" in out
    assert renderer_of(record).doubt(record) == f"interrupted {why}"
