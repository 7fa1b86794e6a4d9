"""Traces of models in training, made by hand: calls of modules, their operators and kernels.

Each operator launches one kernel. All kernels run one after the other on one stream, long after the
host has launched them, so that nothing can be told by when they ran.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from resnext_bench.reports.schema.trace_layers import LayerRow, Layers
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import BACKWARD, MAIN, Made

Source = Literal["labels", "python", "hierarchy"]
NAMES = {"conv": "aten::conv2d", "norm": "aten::batch_norm", "add": "aten::add"}
NODES = {"conv": "ConvolutionBackward0", "norm": "NativeBatchNormBackward0", "add": "AddBackward0"}


@dataclass
class Model:
    """One step of training; `forward` and `backward` are what is expected of each module."""

    source: Source
    made: Made = field(default_factory=Made)
    at: float = 10.0
    """Where the host is, us."""
    number: int = 100
    """Next sequence number of the main thread."""
    forward: dict[tuple[str, ...], float] = field(default_factory=lambda: defaultdict(float))
    backward: dict[tuple[str, ...], float] = field(default_factory=lambda: defaultdict(float))
    outside: float = 0.0
    nodes: list[tuple[str, tuple[str, ...], int]] = field(default_factory=list)
    _device: float = 50_000.0
    _open: list[str] = field(default_factory=list)

    def call(self, name: str, thread: int = MAIN) -> "_Call":
        """A call of a module, for a `with` statement; the name is an attribute or an instance."""
        return _Call(self, name, thread)

    def kernel(self, name: str, us: float, thread: int = MAIN) -> None:
        correlation = self.made.launch(self.at, 1, tid=thread)
        self.made.on_gpu("kernel", name, self._device, us, correlation)
        self._device += us
        self.at += 2

    def op(self, kind: str, us: float, *, leaves: bool = True) -> None:
        """An operator of the forward pass with a kernel of so many us."""
        path = tuple(self._open)
        begun = self.at
        self.at += 1
        self.kernel(f"{kind}_kernel", us)
        self.made.op(
            NAMES[kind],
            begun,
            self.at - begun,
            **{"Sequence number": self.number, "Fwd thread id": 0},
            **self._place(path),
        )
        if path:
            self.forward[path] += us
        else:
            self.outside += us
        if leaves:
            self.nodes.append((kind, path, self.number))
            self.number += 1

    def _place(self, path: tuple[str, ...]) -> dict[str, Any]:
        if self.source != "hierarchy" or not path:
            return {}
        steps = "".join(f"{part}(T{part})::forward." for part in path)
        return {"Module Hierarchy": f"TOP(Net)::forward.{steps}"}

    def run_back(self, us: float) -> None:
        """The backward pass of all operators that left a node, on a thread of its own."""
        for kind, path, number in reversed(self.nodes):
            args = {"Sequence number": number, "Fwd thread id": 1}
            begun = self.at
            self.at += 2
            self.kernel(f"{kind}_backward_kernel", us, BACKWARD)
            node = NODES[kind]
            name = f"autograd::engine::evaluate_function: {node}"
            self.made.op(name, begun, self.at - begun + 1, BACKWARD, **args)
            self.made.op(node, begun + 1, self.at - begun - 1, BACKWARD, **args)
            self.at += 2
            if path:
                self.backward[path] += us
            else:
                self.outside += us
        self.nodes.clear()


@dataclass
class _Call:
    model: Model
    name: str
    thread: int
    begun: float = 0.0

    def __enter__(self) -> None:
        self.begun = self.model.at
        self.model.at += 1
        self.model._open.append(self.name)

    def __exit__(self, *error: object) -> None:
        model = self.model
        path = tuple(model._open)
        model._open.pop()
        lasts = model.at - self.begun
        model.at += 1
        if model.source == "labels":
            label = f"## {'.'.join(path)}: T{self.name} ##"
            model.made.row("user_annotation", label, self.begun, lasts, tid=self.thread)
        elif model.source == "python":
            called(model.made, self.name, self.begun, lasts, self.thread)


def called(made: Made, instance: str, ts: float, dur: float, tid: int = MAIN) -> None:
    """A row of Python's profiler, among one of a function that is no module."""
    args = {"Python id": len(made.rows), "Python parent id": None, "Python module id": 0}
    made.row("python_function", f"nn.Module: {instance}", ts, dur, tid=tid, args=args)
    made.row("python_function", "torch/nn/modules/module.py(1): f", ts, dur, tid=tid)


def layers(made: Made, folder: Path) -> Layers:
    found = report(analyse(made.write(folder))).layers
    assert found
    adds_up(found)
    return found


def adds_up(found: Layers) -> None:
    """Modules by themselves and what is in none are all work, to the last ns."""
    own = sum(row.own_ns for row in found.rows)
    if found.source != "none":
        assert own + sum(row.total_ns for row in found.outside) == found.work_ns
    for row in found.rows:
        assert row.forward_ns + row.backward_ns == row.total_ns
        assert 0 <= row.again_ns <= row.backward_ns
        assert sum(one.total_ns for one in row.classes) == row.total_ns
    for number, row in enumerate(found.rows):
        below = [one for one in found.rows if one.above == number]
        assert row.total_ns == row.own_ns + sum(one.total_ns for one in below)


def named(found: Layers, name: str) -> LayerRow:
    (row,) = (row for row in found.rows if row.name == name)
    return row


def outside(found: Layers) -> dict[str, int]:
    return {row.what: row.total_ns for row in found.outside}
