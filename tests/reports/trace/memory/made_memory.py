"""Traces with memory made by hand: an allocator that counts as PyTorch's do."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from resnext_bench.reports.trace.analysis import Analysis, analyse
from tests.reports.trace.made import BACKWARD, MAIN, Made

CPU, GPU = (0, -1), (1, 0)
"""Type and index of devices."""


class Allocator:
    """One device's, which was holding `before` bytes when the recording began."""

    def __init__(self, made: Made, device: tuple[int, int] = GPU, before: int = 0) -> None:
        self.made, self.device, self.total = made, device, before
        self.reserved = 1 << 40

    def change(self, ts: float, size: int, address: int, tid: Any = MAIN, **args: Any) -> None:
        """Allocate bytes, or free them where `size` is below 0."""
        self.total += size
        told = {
            "Total Reserved": self.reserved if self.device[0] else 0,
            "Total Allocated": self.total,
            "Bytes": size,
            "Addr": address,
            "Device Id": self.device[1],
            "Device Type": self.device[0],
        } | args
        told = {name: value for name, value in told.items() if value is not None}
        row = {"ph": "i", "cat": "cpu_instant_event", "s": "t", "name": "[memory]", "pid": 1}
        self.made.rows.append(row | {"tid": tid, "ts": ts, "args": told})


STEP_US = 1000.0
BLOCK = 1 << 20


def steps(
    before: int = 0, count: int = 3, leak: int = 0, device: tuple[int, int] = GPU
) -> tuple[Made, Allocator]:
    """Steps in which a convolution keeps its output, and one gradient is made and freed.

    Each has a workspace of 4 blocks within the backward operator, at whose middle is the peak.
    """
    made = Made()
    memory = Allocator(made, device, before)
    for at in range(count):
        _step(made, memory, at, leak)
    return made, memory


def unmarked(made: Made) -> Made:
    """Return such a trace without what marks its steps."""
    parts = ("ProfilerStep#", "## forward", "## backward", "## optimizer", "## conv1")
    made.rows = [one for one in made.rows if not one["name"].startswith(parts)]
    return made


def _step(made: Made, memory: Allocator, at: int, leak: int) -> None:
    t = at * STEP_US
    made.step(at, t, STEP_US)
    made.row("user_annotation", "## forward ##", t + 10, 290)
    made.row("user_annotation", "## conv1: Conv2d ##", t + 20, 200)
    made.op("aten::conv2d", t + 30, 100, **{"Sequence number": at})
    memory.change(t + 40, 2 * BLOCK, 100)  # its output: an activation
    memory.change(t + 50, BLOCK, 200)  # workspace of the forward pass
    memory.change(t + 60, -BLOCK, 200)
    if leak:
        memory.change(t + 70, leak, 10_000 + at)
    made.row("user_annotation", "## backward ##", t + 300, 400)
    node = {"Sequence number": at, "Fwd thread id": 1}
    made.op("autograd::engine::evaluate_function: ConvBackward0", t + 310, 300, BACKWARD, **node)
    made.op("ConvBackward0", t + 320, 200, BACKWARD, **node)
    made.op("aten::convolution_backward", t + 330, 100, BACKWARD)
    memory.change(t + 340, 4 * BLOCK, 200, BACKWARD)  # workspace, at an address of before
    memory.change(t + 350, 3 * BLOCK, 300, BACKWARD)  # gradient of a parameter
    memory.change(t + 360, BLOCK, 400, BACKWARD)  # of an activation: the peak
    memory.change(t + 370, -4 * BLOCK, 200, BACKWARD)
    memory.change(t + 640, -2 * BLOCK, 100)
    memory.change(t + 650, -BLOCK, 400)
    made.row("user_annotation", "## optimizer ##", t + 700, 200)
    made.op("aten::_foreach_add_", t + 710, 100)
    memory.change(t + 850, -3 * BLOCK, 300)


PEAK = 10 * BLOCK
"""Bytes at the peak of each step, beside those of before."""


def analysed(made: Made, folder: Path, **dump: Any) -> Analysis:
    """The trace, written and read."""
    return analyse(made.write(folder, **dump))


def rows_of(made: Made) -> Iterable[dict[str, Any]]:
    """The rows of memory."""
    return (one for one in made.rows if one["name"] == "[memory]")
