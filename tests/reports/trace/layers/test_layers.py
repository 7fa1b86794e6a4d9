"""Time by module: whatever names modules, each kernel is in exactly one place."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.time.spans import Span
from tests.reports.trace.layers.made_model import (
    Model,
    Source,
    adds_up,
    called,
    layers,
    named,
    outside,
)
from tests.reports.trace.made import BACKWARD, Made

SOURCES: tuple[Source, ...] = ("labels", "python", "hierarchy")
BETWEEN = {"labels": ".", "python": " > ", "hierarchy": "."}

Tree = list[object]
"""What happens in a module: a kind of operator with its time, or a name with another module."""
steps = st.recursive(
    st.tuples(st.sampled_from(["conv", "norm", "add"]), st.integers(1, 9), st.booleans()),
    lambda inner: st.tuples(st.sampled_from("abc"), st.lists(inner, max_size=3)),
    max_leaves=12,
)


def happen(model: Model, tree: list[object]) -> None:
    for step in tree:
        if len(step) == 3:  # type: ignore[arg-type]
            kind, us, leaves = step  # type: ignore[misc]
            model.op(kind, us, leaves=leaves)
        else:
            name, inner = step  # type: ignore[misc]
            with model.call(name):
                happen(model, inner)


@settings(deadline=None, max_examples=60)
@given(
    tree=st.lists(steps, min_size=1, max_size=4),
    source=st.sampled_from(SOURCES),
    back=st.integers(1, 5),
)
def test_each_kernel_is_in_one_place(tree: list[object], source: Source, back: int) -> None:
    """Any modules within each other, called any number of times, forward and backward."""
    model = Model(source=source)
    happen(model, tree)
    model.run_back(back)
    if not model.forward and not model.outside:
        return  # a trace of no work
    model.made.step(0, 0, model.at)
    with TemporaryDirectory() as folder:
        found = layers(model.made, Path(folder))
    if found.source == "none":
        assert not model.forward
        return
    told = {row.name.removeprefix("(Net)."): row for row in found.rows}
    for path in {*model.forward, *model.backward}:
        row = told[BETWEEN[source].join(path)]
        below = [one for one in found.rows if one.above == found.rows.index(row)]
        own = 1000 * (model.forward[path] + model.backward[path])
        assert row.own_ns == own
        assert row.forward_ns - sum(one.forward_ns for one in below) == 1000 * model.forward[path]
    assert sum(row.total_ns for row in found.outside) == 1000 * model.outside


@pytest.mark.parametrize("source", SOURCES)
def test_forward_and_backward_of_a_block(source: Source, tmp_path: Path) -> None:
    """Operators of a block itself, of modules in it, of none; backward on another thread."""
    model = Model(source=source)
    with model.call("block"):
        with model.call("conv1"):
            model.op("conv", 10)
        with model.call("bn1"):
            model.op("norm", 4)
        model.op("add", 2)
    model.op("add", 1)
    model.run_back(3)
    found = layers(model.made, tmp_path)
    assert found.source == source
    between = BETWEEN[source]
    top = "(Net)." if source == "hierarchy" else ""
    block, conv = named(found, f"{top}block"), named(found, f"{top}block{between}conv1")
    assert (conv.forward_ns, conv.backward_ns, conv.own_ns) == (10_000, 3000, 13_000)
    assert (block.forward_ns, block.backward_ns, block.own_ns) == (16_000, 9000, 5000)
    assert block.calls == conv.calls == (None if source == "hierarchy" else 1)
    assert outside(found) == {"other forward": 1000, "other backward": 3000}


def test_a_number_that_stands_at_several_operators_is_that_of_the_last(tmp_path: Path) -> None:
    """Operators that leave no node have the number of the one that comes next, elsewhere."""
    model = Model(source="labels")
    with model.call("first"):
        model.op("add", 1, leaves=False)
    with model.call("second"):
        model.op("conv", 1)
    model.run_back(5)
    found = layers(model.made, tmp_path)
    assert (named(found, "first").backward_ns, named(found, "second").backward_ns) == (0, 5000)


def test_a_loss_is_in_no_module_and_its_backward_neither(tmp_path: Path) -> None:
    made = Made()
    called(made, "Net_0", 0, 10)
    made.op("aten::mm", 1, 5, **{"Sequence number": 1, "Fwd thread id": 0}).kernel(
        "gemm", 100, 7, 2
    )
    made.op("aten::nll_loss", 20, 5, **{"Sequence number": 2, "Fwd thread id": 0})
    made.kernel("nll_loss_forward", 120, 2, 21)
    for ts, number, node, us in ((40, 2, "NllLossBackward0", 3), (60, 1, "MmBackward0", 9)):
        made.op(node, ts, 10, BACKWARD, **{"Sequence number": number, "Fwd thread id": 1})
        made.on_gpu("kernel", f"k{number}", ts + 100, us, made.launch(ts + 1, tid=BACKWARD))
    found = layers(made, tmp_path)
    assert outside(found) == {"loss": 5000}
    net = named(found, "Net_0")
    assert (net.forward_ns, net.backward_ns) == (7000, 9000)


def training(made: Made) -> Made:
    """All that training does outside of modules, each with a kernel of its own length."""
    seen = {"Sequence number": 1, "Fwd thread id": 0}
    made.kernel("copied", 1000, 1, 1).rows[-1]["name"] = "Memcpy HtoD (Pageable -> Device)"
    made.rows[-1]["cat"] = "gpu_memcpy"
    made.row("user_annotation", "## conv: Conv2d ##", 10, 10)
    made.op("aten::conv2d", 11, 5, **seen).kernel("conv_fprop", 1010, 2, 12)
    node = "autograd::engine::evaluate_function: torch::autograd::AccumulateGrad"
    made.op(node, 30, 20, BACKWARD)
    made.on_gpu("kernel", "add_", 1020, 4, made.launch(31, tid=BACKWARD))
    reduce = "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(x)"
    made.on_gpu("kernel", reduce, 1030, 8, made.launch(41, tid=BACKWARD))
    made.row("user_annotation", "Optimizer.step#SGD.step", 60, 10)
    made.kernel("multi_tensor_apply_kernel", 1040, 16, 61)
    made.kernel("captured", 1060, 32, None).rows[-2] |= {"ts": 80, "name": "cudaGraphLaunch"}
    made.on_gpu("kernel", "unknown", 1100, 64)
    return made


def test_what_is_in_no_module_has_rows_of_its_own(tmp_path: Path) -> None:
    found = layers(training(Made()), tmp_path)
    assert outside(found) == {
        "launch not in the trace": 64_000,
        "CUDA graph": 32_000,
        "optimizer": 16_000,
        "gradient reduction": 8000,
        "gradient accumulation": 4000,
        "data": 1000,
    }
    assert named(found, "conv").own_ns == 2000


def test_idle_time_before_what_a_module_launched(tmp_path: Path) -> None:
    """Gaps of 5 and 7 us end with kernels of the module, one of 3 us with one of none."""
    made = Made()
    called(made, "Net_0", 0, 50)
    for ts, at in ((100, 1), (115, 2), (132, 3), (145, 60)):
        made.kernel("k", ts, 10, at)
    found = layers(made, tmp_path)
    assert named(found, "Net_0").idle_ns == 12_000
    assert [row.idle_ns for row in found.outside] == [3000]
    assert found.idle_rest_ns == 0


def test_on_a_cpu_operators_by_their_own_time(tmp_path: Path) -> None:
    made = Made()
    made.row("user_annotation", "## conv: Conv2d ##", 0, 20)
    seen = {"Sequence number": 4, "Fwd thread id": 0}
    made.op("aten::conv2d", 1, 10, **seen).op("aten::convolution", 3, 6, **seen)
    made.op("aten::relu", 30, 5)
    made.op("ConvolutionBackward0", 50, 9, **{"Sequence number": 4, "Fwd thread id": 1})
    made.op("aten::convolution_backward", 52, 6)
    found = layers(made, tmp_path)
    conv = named(found, "conv")
    assert (conv.forward_ns, conv.backward_ns) == (10_000, 9000)
    assert outside(found) == {"other": 5000}


def test_nothing_is_told(tmp_path: Path) -> None:
    found = layers(Made().kernel("k", 10, 5), tmp_path)
    assert (found.source, found.rows, found.outside) == ("none", [], [])


def test_compiled_parts_are_said(tmp_path: Path) -> None:
    made = Made().op("Torch-Compiled Region: 0/0", 0, 20).kernel("triton_poi_fused_0", 30, 5, 3)
    assert layers(made, tmp_path).compiled
    called(made, "OptimizedModule_0", 0, 25)
    found = layers(made, tmp_path)
    assert found.compiled
    assert named(found, "OptimizedModule_0").own_ns == 5000


def test_a_range_of_time_has_no_calls_and_adds_up(tmp_path: Path) -> None:
    """What is cut at an edge counts as long as it is inside; the host was there long before."""
    model = Model(source="python")
    for _ in range(3):
        with model.call("Net_0"):
            model.op("conv", 10)
    path = model.made.write(tmp_path)
    begun = model.made.rows[0]["ts"]
    first = int(1000 * (50_000 - min(begun, 10)))
    found = report(analyse(path, span=Span(start=first + 5000, end=first + 20_000))).layers
    assert found
    adds_up(found)
    net = named(found, "Net_0")
    assert (net.own_ns, found.work_ns, net.calls) == (15_000, 15_000, None)


def test_far_rows_move_modules_with_the_others(tmp_path: Path) -> None:
    """A kernel at time 0 is left out: time begins with the rows that are left."""
    model = Model(source="python", at=5e15)
    model._device = 5e15 + 50_000
    with model.call("Net_0"):
        model.op("conv", 10)
    model.made.on_gpu("kernel", "lost", 0, 5)
    assert named(layers(model.made, tmp_path), "Net_0").own_ns == 10_000
