"""Pairs of traces made by hand: programs that a device runs back to back, step after step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from resnext_bench.reports.schema.trace_diff import RowDelta, TraceDiff
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.differences.differences import difference
from resnext_bench.reports.trace.differences.sides import Side, side
from tests.reports.trace.made import Made

NCHW, NHWC = [64 * 56 * 56, 56 * 56, 56, 1], [64 * 56 * 56, 1, 64 * 56, 64]
GEMM, WINOGRAD = "sm80_xmma_fprop_implicit_gemm_f16", "cudnn::winograd_nonfused::winogradForward"
RELU = "at::native::vectorized_elementwise_kernel<4, relu>"


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A module that calls one operator, which launches one kernel."""

    name: str
    """Empty for work in no module."""
    type: str = "ReLU"
    op: str = "aten::relu"
    kernel: str = RELU
    us: float = 20.0
    batch: int | None = None
    """Of a convolution whose shape is recorded."""
    strides: Sequence[int] = tuple(NCHW)
    category: str = "kernel"

    @property
    def arguments(self) -> dict[str, Any]:
        if self.batch is None:
            return {}
        return {
            "Input Dims": [[self.batch, 64, 56, 56], [64, 64, 3, 3], [], [], [], [], [], [], []],
            "Input Strides": [self.strides, [576, 9, 3, 1], [], [], [], [], [], [], []],
            "Input type": ["c10::Half", "c10::Half", *[""] * 7],
            "Concrete Inputs": ["", "", "", "[1, 1]", "[1, 1]", "[1, 1]", "False", "[0]", "1"],
        }


def conv(name: str, us: float = 100.0, *, kernel: str = GEMM, batch: int = 8, **more: Any) -> Layer:
    return Layer(
        name=name,
        type="Conv2d",
        op="aten::convolution",
        kernel=kernel,
        us=us,
        batch=batch,
        **more,
    )


NET = (
    conv("stem"),
    Layer(name="relu"),
    conv("block.conv1", 60.0),
    conv("block.conv2", 80.0, batch=16),
    Layer(name="head", type="Linear", op="aten::addmm", kernel="ampere_sgemm_128x64_tn", us=15.0),
)


def changed(layers: Sequence[Layer], name: str, **how: Any) -> tuple[Layer, ...]:
    """The same layers, one of them changed."""
    assert any(one.name == name for one in layers)
    return tuple(replace(one, **how) if one.name == name else one for one in layers)


def program(
    layers: Sequence[Layer],
    steps: int = 4,
    *,
    wobble: float = 0.0,
    labels: bool = True,
    shapes: bool = True,
    header: dict[str, Any] | None = None,
    numbers: Sequence[int] = (),
) -> Made:
    """A trace; each kernel takes `wobble` us more in steps of odd numbers.

    `numbers`: those that the profiler has given to the steps, else from 0.
    """
    made, at, device = Made(), 10.0, 13.003
    made.header |= {"deviceProperties": [{"id": 0, "name": "NVIDIA H100"}]} | (header or {})
    for step in range(steps):
        begun, number = at, numbers[step] if numbers else step
        for layer in layers:
            start = at
            arguments = layer.arguments if shapes else {}
            correlation = made.launch(at + 2)
            lasts = layer.us + wobble * (number % 2)
            made.on_gpu(layer.category, layer.kernel, device, lasts, correlation)
            device += lasts
            made.op(layer.op, at + 1, 4, **arguments)
            at += 6
            if labels and layer.name:
                made.row("user_annotation", f"## {layer.name}: {layer.type} ##", start, at - start)
        made.step(number, begun, at - begun)
    return made


def side_of(made: Made, folder: Path, name: str = "t.json") -> Side:
    return side(analyse(made.write(folder, name)))


def compared(a: Made, b: Made, folder: Path, **how: Any) -> TraceDiff:
    """The difference of two traces, whose parts add up, as everywhere."""
    found = difference(
        side_of(a, folder, "a.json"), side_of(b, folder, "b.json"), margin_percent=2, **how
    )
    adds_up(found)
    return found


def adds_up(found: TraceDiff) -> None:
    """Everything is accounted for to the nanosecond, in both directions."""
    for of in ("a_ns", "b_ns", "delta_ns"):
        rows, rest, parts, classes, modules = (
            sum(getattr(one, of) for one in which)
            for which in (found.rows, found.rest, found.parts, found.classes, found.modules)
        )
        step = {"a_ns": found.a.step_ns, "b_ns": found.b.step_ns, "delta_ns": found.delta_ns}[of]
        same = 0 if of == "delta_ns" else found.unchanged_ns
        work = getattr(found.work, of)
        assert parts == step
        assert work + rest == step
        assert rows + same == work
        if of == "delta_ns":
            assert classes == work
            assert modules == work or found.matched_by != "modules"
    for row in (*found.rows, *found.rest, *found.parts, *found.classes, *found.modules):
        assert row.delta_ns == row.b_ns - row.a_ns


def turned(found: TraceDiff) -> list[tuple[object, ...]]:
    """All rows as those of the difference with its sides swapped would be."""
    kinds = {"new": "gone", "gone": "new", "slower": "faster", "faster": "slower"}
    return sorted(
        (kinds.get(row.kind, row.kind), -row.delta_ns, str(row.b), str(row.a), row.changed)
        for row in found.rows
    )


def as_they_are(found: TraceDiff) -> list[tuple[object, ...]]:
    return sorted(
        (row.kind, row.delta_ns, str(row.a), str(row.b), row.changed) for row in found.rows
    )


def only(found: TraceDiff) -> RowDelta:
    (row,) = found.rows
    return row


def kinds(found: TraceDiff) -> list[str]:
    return [one.kind for one in found.facts]
