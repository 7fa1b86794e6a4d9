"""The forward pass by autograd's sequence numbers, where no name tells it."""

from pathlib import Path

import pytest

from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import BACKWARD, Made

GEMM = "ampere_sgemm_128x64_nn"


def passes(made: Made, folder: Path) -> tuple[int, int, int, int]:
    """us in forward, backward, optimizer and none of them."""
    rows = report(analyse(made.write(folder))).classes
    names = ("forward_ns", "backward_ns", "optimizer_ns", "other_ns")
    forward, backward, optimizer, other = (
        sum(getattr(row, name) for row in rows) // 1000 for name in names
    )
    return forward, backward, optimizer, other


def launched(made: Made, name: str, ts: float, dur: float, us: float, **args: object) -> Made:
    """An operator of the main thread, and the kernel it launches in its middle."""
    made.op(name, ts, dur, **args)
    return made.kernel(GEMM, 10 * ts, us, called=ts + dur / 2)


def backward(made: Made, number: int, ts: float, us: float, name: str = "") -> Made:
    name = name or f"autograd::engine::evaluate_function: Node{number}Backward0"
    args = {"Sequence number": number, "Fwd thread id": 1}
    made.op(name, ts, 8, tid=BACKWARD, **args)
    correlation = made.launch(ts + 2, tid=BACKWARD)
    return made.on_gpu("kernel", GEMM, 10 * ts, us, correlation)


def test_the_number_of_a_backward_row_is_that_of_a_forward_one(tmp_path: Path) -> None:
    made = Made().step(1, 0, 1000)
    launched(made, "aten::linear", 10, 30, 100, **{"Sequence number": 5, "Fwd thread id": 0})
    assert passes(backward(made, 5, 200, 60), tmp_path) == (100, 60, 0, 0)


@pytest.mark.parametrize("name", ["CppNode<MyFunction>", "MyOwnGradient", "AddmmBackward0"])
def test_a_backward_row_names_its_forward_thread(tmp_path: Path, name: str) -> None:
    made = Made().step(1, 0, 1000)
    launched(made, "aten::linear", 10, 30, 100, **{"Sequence number": 5})
    assert passes(backward(made, 5, 200, 60, name), tmp_path) == (100, 60, 0, 0)


def test_what_lies_below_and_between_is_forward_too(tmp_path: Path) -> None:
    """linear has the number of its first node, t; what leaves no node has the next number."""
    made = Made().step(1, 0, 1000)
    made.op("aten::linear", 10, 30, **{"Sequence number": 5})
    made.op("aten::t", 12, 4, **{"Sequence number": 5})
    launched(made, "aten::addmm", 18, 10, 100, **{"Sequence number": 6})
    launched(made, "aten::zeros", 42, 6, 10, **{"Sequence number": 7})  # a mask: no node
    launched(made, "aten::mul", 50, 6, 20, **{"Sequence number": 7})
    for number in (7, 6, 5):
        backward(made, number, 300 - 10 * number, 10)
    assert passes(made, tmp_path) == (130, 30, 0, 0)


def test_batches_have_the_number_of_the_first_node(tmp_path: Path) -> None:
    """They are loaded before it, and behind the backward pass of the step before."""
    made = Made()
    for step in range(2):
        at = 1000 * step
        made.step(step, at, 1000)
        number = {"Sequence number": 5 + step}
        launched(made, "aten::to", at + 10, 5, 7, **number)
        launched(made, "aten::conv2d", at + 20, 10, 100, **number)
        backward(made, 5 + step, at + 200, 60)
        launched(made, "aten::item", at + 300, 5, 3, **{"Sequence number": 6 + step})
    assert passes(made, tmp_path) == (200, 120, 0, 20)


def test_inference_has_no_forward_pass(tmp_path: Path) -> None:
    made = Made().step(1, 0, 1000)
    for at in range(3):
        launched(made, "aten::linear", 10 + 30 * at, 20, 50, **{"Sequence number": 5})
    assert passes(made, tmp_path) == (0, 0, 0, 150)


def test_numbers_of_other_threads_and_of_later_operators_tell_nothing(tmp_path: Path) -> None:
    """A forward operator comes before its backward row."""
    made = Made().step(1, 0, 1000)
    launched(made, "aten::linear", 400, 30, 50, **{"Sequence number": 5})
    assert passes(backward(made, 5, 200, 60), tmp_path) == (0, 60, 0, 50)


def test_names_win(tmp_path: Path) -> None:
    made = Made().step(1, 0, 1000)
    made.row("user_annotation", "Optimizer.step#SGD.step", 10, 50)
    launched(made, "aten::add_", 20, 20, 40, **{"Sequence number": 5})
    assert passes(backward(made, 5, 200, 60), tmp_path) == (0, 60, 40, 0)


def test_forward_again_within_backward_is_backward(tmp_path: Path) -> None:
    """Checkpoints compute a part of the forward pass again."""
    made = Made().step(1, 0, 1000)
    launched(made, "CheckpointFunction", 10, 30, 100, **{"Sequence number": 5})
    made.op("CheckpointFunctionBackward", 200, 100, tid=BACKWARD, **{"Sequence number": 5})
    made.op("aten::conv2d", 210, 20, tid=BACKWARD, **{"Sequence number": 9})
    made.on_gpu("kernel", GEMM, 3000, 70, made.launch(215, tid=BACKWARD))
    backward(made, 9, 250, 30)
    assert passes(made, tmp_path) == (100, 100, 0, 0)


def test_autograd_adds_up_gradients_between_its_nodes(tmp_path: Path) -> None:
    """Old traces have no row around that; its thread does nothing else."""
    made = Made().step(1, 0, 1000)
    launched(made, "aten::relu", 10, 10, 100, **{"Sequence number": 5})
    backward(made, 5, 200, 60, "ReluBackward1")
    made.op("aten::add", 220, 10, tid=BACKWARD)
    made.on_gpu("kernel", GEMM, 3000, 15, made.launch(222, tid=BACKWARD))
    assert passes(made, tmp_path) == (100, 75, 0, 0)


def test_on_a_cpu_both_run_on_one_thread(tmp_path: Path) -> None:
    made = Made().step(1, 0, 1000).op("aten::conv2d", 10, 100, **{"Sequence number": 5})
    made.op("aten::add", 200, 20, **{"Sequence number": 6})
    args = {"Sequence number": 5, "Fwd thread id": 1}
    made.op("ConvolutionBackward0", 300, 200, **args).op("aten::mul", 600, 30)
    assert passes(made, tmp_path) == (100, 200, 0, 50)
