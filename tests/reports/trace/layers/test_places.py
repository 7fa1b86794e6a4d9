"""Which module: what is computed again, modules that are shared, threads, what nobody tells."""

from pathlib import Path
from typing import Any

import pytest

from resnext_bench.reports.trace.layers.backward import is_node
from resnext_bench.reports.trace.reading.read import read
from tests.reports.trace.layers.made_model import (
    NODES,
    Model,
    called,
    layers,
    named,
    outside,
)
from tests.reports.trace.made import BACKWARD, MAIN, Made


def op(
    made: Made, name: str, ts: float, us: float, tid: int = MAIN, dur: float = 4, **told: Any
) -> None:
    """An operator that launches a kernel of so many us."""
    made.op(name, ts, dur, tid, **told)
    made.on_gpu(
        "kernel",
        f"k{len(made.rows)}",
        1000 + 100 * len(made.rows),
        us,
        made.launch(ts + 1, tid=tid),
    )


def seen(number: int, thread: int = 0) -> dict[str, int]:
    return {"Sequence number": number, "Fwd thread id": thread}


def checkpointed(made: Made) -> Made:
    """A block of two layers that the backward pass computes again, on its own thread.

    Numbers of that thread are its own, and one of them is also one of the main thread.
    """
    called(made, "Net_0", 0, 100)
    called(made, "CheckpointWrapper_0", 10, 60)
    called(made, "Block_0", 20, 40)
    called(made, "Conv2d_0", 22, 10)
    op(made, "aten::conv2d", 24, 1, **seen(50))
    called(made, "ReLU_0", 40, 10)
    op(made, "aten::relu", 42, 2, **seen(51))
    # Backward of the ReLU needs what was not kept, and has the block computed again.
    made.op("ReluBackward0", 200, 100, BACKWARD, **seen(51, 1))
    called(made, "Block_0", 210, 50, BACKWARD)
    called(made, "Conv2d_0", 215, 10, BACKWARD)
    op(made, "aten::conv2d", 216, 4, BACKWARD, **seen(51))
    called(made, "ReLU_0", 230, 10, BACKWARD)
    op(made, "aten::relu", 231, 8, BACKWARD, **seen(52))
    op(made, "aten::threshold_backward", 280, 16, BACKWARD)
    op(made, "ConvolutionBackward0", 310, 32, BACKWARD, **seen(50, 1))
    return made


def test_what_is_computed_again_is_backward_of_its_module(tmp_path: Path) -> None:
    found = layers(checkpointed(Made()), tmp_path)
    block = "Net_0 > CheckpointWrapper_0 > Block_0"
    conv, relu = named(found, f"{block} > Conv2d_0"), named(found, f"{block} > ReLU_0")
    assert (conv.forward_ns, conv.backward_ns, conv.again_ns) == (1000, 36_000, 4000)
    assert (relu.forward_ns, relu.backward_ns, relu.again_ns) == (2000, 24_000, 8000)
    assert (conv.calls, conv.calls_again) == (1, 1)
    assert [row.name for row in found.rows if row.above is None] == ["Net_0"]
    assert outside(found) == {}


def test_labels_are_computed_again_likewise(tmp_path: Path) -> None:
    made = Made()
    made.row("user_annotation", "## a.conv: Conv2d ##", 0, 10)
    op(made, "aten::conv2d", 1, 1, **seen(7))
    made.op("CheckpointFunctionBackward", 50, 100, BACKWARD, **seen(8, 1))
    made.row("user_annotation", "## a.conv: Conv2d ##", 60, 10, tid=BACKWARD)
    op(made, "aten::conv2d", 61, 2, BACKWARD, **seen(0))
    op(made, "ConvolutionBackward0", 80, 4, BACKWARD, **seen(0, 2))
    conv = named(layers(made, tmp_path), "a.conv")
    assert (conv.forward_ns, conv.backward_ns, conv.again_ns) == (1000, 6000, 2000)
    assert (conv.calls, conv.calls_again) == (1, 1)


def test_a_module_that_several_modules_call_has_a_row_in_each(tmp_path: Path) -> None:
    model = Model(source="python")
    for block in ("Block_0", "Block_1"):
        with model.call(block):
            for _ in range(2):
                with model.call("ReLU_0"):
                    model.op("add", 3)
    model.run_back(1)
    found = layers(model.made, tmp_path)
    for block in ("Block_0", "Block_1"):
        relu = named(found, f"{block} > ReLU_0")
        assert (relu.calls, relu.forward_ns, relu.backward_ns) == (2, 6000, 2000)
    assert found.shared == ["ReLU_0"]


def test_a_shared_module_computed_again_is_that_near_to_who_asks(tmp_path: Path) -> None:
    made = Made()
    for number, block in enumerate(("Block_0", "Block_1")):
        called(made, block, 100 * number, 50)
        called(made, "ReLU_0", 100 * number + 10, 20)
        op(made, "aten::relu", 100 * number + 11, 1, **seen(10 + number))
    for number in (1, 0):
        ts = 500 - 100 * number
        made.op("ReluBackward0", ts, 60, BACKWARD, **seen(10 + number, 1))
        called(made, "ReLU_0", ts + 10, 20, BACKWARD)
        op(made, "aten::relu", ts + 11, 2 + number, BACKWARD, **seen(number))
    found = layers(made, tmp_path)
    again = {row.name: row.again_ns for row in found.rows}
    assert again["Block_0 > ReLU_0"] == 2000
    assert again["Block_1 > ReLU_0"] == 3000


def test_a_thread_is_known_by_the_numbers_and_names_of_its_operators(tmp_path: Path) -> None:
    """Two threads use the same numbers; autograd names threads by numbers of its own."""
    made = Made()
    for tid, module, kind in ((1, "A_0", "aten::mm"), (2, "B_0", "aten::relu")):
        called(made, module, 0, 50, tid)
        op(made, kind, 10, 1, tid, **seen(3))
    op(made, "ReluBackward0", 100, 4, BACKWARD, **seen(3, 9))
    op(made, "MmBackward0", 120, 2, BACKWARD, **seen(3, 5))
    found = layers(made, tmp_path)
    assert (named(found, "A_0").backward_ns, named(found, "B_0").backward_ns) == (2000, 4000)


def test_where_two_threads_fit_nothing_is_decided(tmp_path: Path) -> None:
    made = Made()
    for tid, module in ((1, "A_0"), (2, "A_1")):
        called(made, module, 0, 50, tid)
        op(made, "aten::mm", 10, 1, tid, **seen(3))
    op(made, "MmBackward0", 100, 4, BACKWARD, **seen(3, 5))
    found = layers(made, tmp_path)
    assert {row.backward_ns for row in found.rows} == {0}
    assert outside(found) == {"other backward": 4000}


def test_two_threads_of_one_module_agree(tmp_path: Path) -> None:
    """Copies of a module on several threads have the name of one attribute."""
    made = Made()
    for tid in (1, 2):
        made.row("user_annotation", "## conv: Conv2d ##", 0, 50, tid=tid)
        op(made, "aten::conv2d", 10, 1, tid, **seen(3))
    op(made, "ConvolutionBackward0", 100, 4, BACKWARD, **seen(3, 5))
    assert named(layers(made, tmp_path), "conv").backward_ns == 4000


@pytest.mark.parametrize("told", [{"Fwd thread id": 1}, {}])
def test_traces_that_name_no_thread(told: dict[str, int], tmp_path: Path) -> None:
    made = Made()
    called(made, "Net_0", 0, 50)
    op(made, "aten::relu", 10, 1, **{"Sequence number": 3})
    op(made, "ReluBackward1", 100, 4, BACKWARD, **{"Sequence number": 3}, **told)
    assert named(layers(made, tmp_path), "Net_0").backward_ns == 4000


def test_a_gradient_of_a_gradient(tmp_path: Path) -> None:
    """The backward pass leaves nodes itself, whose numbers are those of its own thread."""
    made = Made()
    called(made, "Net_0", 0, 50)
    op(made, "aten::mm", 10, 1, **seen(3))
    made.op("MmBackward0", 100, 20, BACKWARD, **seen(3, 1))
    op(made, "aten::mm", 105, 2, BACKWARD, **seen(0))
    op(made, "MmBackward0", 200, 4, BACKWARD, **seen(0, 2))
    net = named(layers(made, tmp_path), "Net_0")
    assert (net.forward_ns, net.backward_ns, net.again_ns) == (1000, 6000, 0)


def test_a_backward_pass_within_a_module_is_of_the_module_that_it_is_for(tmp_path: Path) -> None:
    """As a module has it that computes a gradient in its own forward."""
    made = Made()
    called(made, "Outer_0", 0, 500)
    called(made, "Inner_0", 10, 30)
    op(made, "aten::mm", 20, 1, **seen(3))
    op(made, "MmBackward0", 100, 4, **seen(3, 1))
    op(made, "AddBackward0", 120, 8, **seen(99, 1))
    found = layers(made, tmp_path)
    inner, outer = named(found, "Outer_0 > Inner_0"), named(found, "Outer_0")
    assert (inner.forward_ns, inner.backward_ns) == (1000, 4000)
    assert (outer.own_ns, outer.backward_ns) == (8000, 12_000)


def test_a_kernel_whose_launch_is_below_no_operator(tmp_path: Path) -> None:
    """As Triton's are, which Python launches itself."""
    made = Made()
    called(made, "Net_0", 0, 50)
    made.kernel("triton_kernel", 100, 6, called=10)
    assert named(layers(made, tmp_path), "Net_0").own_ns == 6000


def test_a_row_that_begins_with_a_module_and_outlasts_it_is_not_in_it(tmp_path: Path) -> None:
    """Time stamps of whole us: the operator called the module."""
    made = Made()
    called(made, "Net_0", 0, 50)
    made.op("CheckpointFunction", 10, 30)
    called(made, "Block_0", 10, 10)
    made.kernel("inside", 100, 1, called=12).kernel("behind", 110, 2, called=25)
    found = layers(made, tmp_path)
    assert named(found, "Net_0 > Block_0").own_ns == 1000
    assert named(found, "Net_0").own_ns == 2000


def test_stacks_of_old_profilers(tmp_path: Path) -> None:
    """All blocks of a loop are one: their instances are not recorded."""
    call = "torch/nn/modules/module.py(889): _call_impl"
    made = Made()
    for number in range(2):
        frames = [
            "conv.py(395): forward",
            call,
            "net.py(7): forward",
            call,
            "train.py(9): <module>",
        ]
        args = {"Call stack": ";".join(frames), **seen(number)}
        made.row("Operator", "aten::conv2d", 20 * number, 10, args=args)
        made.kernel("k", 100 + 20 * number, 3, 20 * number + 2)
        op(made, "CudnnConvolutionBackward", 60 + 20 * number, 1, BACKWARD, **seen(number, 1))
    found = layers(made, tmp_path)
    conv = named(found, "net:9 > conv:7")
    assert (conv.forward_ns, conv.backward_ns, conv.calls) == (6000, 2000, None)


def test_without_layers_nothing_is_read_for_them(tmp_path: Path) -> None:
    path = checkpointed(Made()).write(tmp_path)
    assert len(read(path).modules) == 8
    assert len(read(path, layers=False).modules) == 0


def test_rows_of_autograd(tmp_path: Path) -> None:
    made = Made()
    names = [
        *(f"autograd::engine::evaluate_function: {one}" for one in NODES.values()),
        *NODES.values(),
        "torch::autograd::AccumulateGrad",
        "CudnnConvolutionBackward",
    ]
    others = ["aten::convolution_backward", "aten::relu", "Optimizer.step#SGD.step", "Backward"]
    for at, name in enumerate([*names, *others]):
        made.op(name, 10 * at, 5)
    trace = read(made.write(tmp_path))
    told = {
        trace.names[name]: bool(one)
        for name, one in zip(trace.host.name, is_node(trace), strict=True)
    }
    assert told == dict.fromkeys(names, True) | dict.fromkeys(others, False)


def test_graphs_of_torchscript(tmp_path: Path) -> None:
    """A part that is differentiated as a whole leaves out the type of the network."""
    made = Made()
    for at, (name, told) in enumerate(
        (
            ("aten::conv2d", "TOP(Net)::forward.stem(Conv2d)::forward."),
            ("aten::linear", "TOP()::<forward op>.fc(Linear)::forward."),
            ("aten::mm", "TOP()::<backward op>."),
        )
    ):
        op(made, name, 10 * at, 1 + at, **{"Module Hierarchy": told})
    found = layers(made, tmp_path)
    assert {row.name: row.own_ns for row in found.rows if row.own_ns} == {
        "(Net).stem": 1000,
        "(Net).fc": 2000,
    }
    assert sum(outside(found).values()) == 3000
