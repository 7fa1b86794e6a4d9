"""The grouped convolutions of ResNeXt-50, one by one: layouts, types, and cuDNN's choices.

One task takes all directions, layouts and choices of one layer in one type; they take turns. bf16
comes first for all layers, then the other types.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch

from resnext_bench.lab.visit.checks import TYPES, Dtype, is_right, keep_memory, set_precision
from resnext_bench.lab.visit.choices import MODES, Choice, calls_of, choose, name_kernels
from resnext_bench.lab.visit.grouped import DIRECTIONS, Direction, exact, problem
from resnext_bench.lab.visit.sizes import Sizes
from resnext_bench.lab.visit.tasks import Box, Findings, Planned
from resnext_bench.lab.visit.turns import take_turns
from resnext_bench.resnext.convolutions import convolutions
from resnext_bench.resnext.cost import FLOP_PER_MULTIPLY_ADD
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.layers import Layer
from resnext_bench.resnext.names import parse

LAYOUTS: Final = {"NHWC": torch.channels_last, "NCHW": torch.contiguous_format}
OVER: Final = "its time was over"
FOR_TURNS: Final = 1.0
"""Most seconds that a round of all choices takes."""
ON_CPU: Final = "oneDNN"
"""Name of the only mode on a CPU, where there is no benchmark."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The layers of a network that are the same convolution."""

    layer: Layer
    names: tuple[str, ...]

    @property
    def key(self) -> str:
        """Channels, edge, and stride if it is not 1: "128@56", "256@56/2"."""
        layer = self.layer
        stride = f"/{layer.stride}" if layer.stride > 1 else ""
        return f"{layer.entering.channels}@{layer.entering.size}{stride}"


def tasks(box: Box) -> list[Planned]:
    """Return the tasks by type, and within a type in the order of the network."""
    keep_memory()
    return [
        Planned(
            key=f"{dtype}/{shape.key}",
            run=partial(_measured, shape, dtype, box),
            room_s=box.room_s(20, 1),
            kind="conv",
        )
        for dtype in TYPES
        for shape in shapes(box.sizes)
    ]


def shapes(sizes: Sizes) -> list[Shape]:
    """Return the grouped convolutions of the network, with those alike in one shape."""
    layers = draw(parse(sizes.conv_model), sizes.conv_size)
    return [Shape(layer=one.layer, names=one.names) for one in convolutions(layers, grouped=True)]


def _measured(shape: Shape, dtype: Dtype, box: Box, findings: Findings) -> None:
    device = torch.device(box.kind)
    set_precision(dtype)
    findings.found |= _facts(shape, dtype, box.sizes) | {"choices": {}, "left_out": {}}
    made: dict[str, Choice] = {}
    for name, choice in _made(shape, dtype, box, findings):
        made[name] = choice
        findings.found["choices"][name] |= choice.told()
        findings.keep()
    if not made:
        raise RuntimeError(f"no choice could be made: {findings.found['left_out']}")
    take_turns([choice.side(name) for name, choice in made.items()], "calls", box, findings, device)
    if box.kind == "cuda":
        _named(made, findings)
    for name, choice in made.items():
        findings.found["choices"][name] |= choice.told()
        choice.thread.shutdown()


def _named(made: dict[str, Choice], findings: Findings) -> None:
    try:
        name_kernels(list(made.values()))
    except RuntimeError as error:  # times are worth keeping without names
        findings.notes.append(f"no names of kernels: {error}")


def _facts(shape: Shape, dtype: Dtype, sizes: Sizes) -> dict[str, Any]:
    """Return shape, bytes and FLOP of a call; bytes count each operand once, which is a floor."""
    layer, batch = shape.layer, sizes.conv_batch
    maps = batch * (layer.entering.elements + layer.leaving.elements)
    width = TYPES[dtype].itemsize
    return {
        "type": dtype,
        "layer": {
            "channels": layer.entering.channels,
            "out_channels": layer.leaving.channels,
            "size": layer.entering.size,
            "stride": layer.stride,
            "groups": layer.groups,
            "kernel": layer.kernel,
            "batch": batch,
            "names": list(shape.names),
        },
        "bytes": dict.fromkeys(DIRECTIONS, width * (maps + layer.weights)),
        "flop": FLOP_PER_MULTIPLY_ADD * batch * layer.multiply_adds,
    }


def _made(shape: Shape, dtype: Dtype, box: Box, findings: Findings) -> Iterator[tuple[str, Choice]]:
    """Yield every choice that can be made in time, checked; the reasons for the others are stored.

    One of each mode for all directions and layouts comes before another of the same mode.
    """
    device = torch.device(box.kind)
    asked = problem(shape.layer, box.sizes.conv_batch, TYPES[dtype], device)
    pool = torch.cuda.graph_pool_handle() if box.kind == "cuda" else None
    right = {direction: exact(asked, direction) for direction in DIRECTIONS}
    calls = {
        (direction, layout): calls_of(asked, direction, memory)
        for direction in DIRECTIONS
        for layout, memory in LAYOUTS.items()
    }
    for mode, number in _choices(box):
        longest = 0.0
        for (direction, layout), call in calls.items():
            name = f"{direction} {layout} {mode} {number}"
            before = box.left_s
            if before < longest + _turns_s(box):
                findings.found["left_out"][name] = OVER
                findings.found["cut"] = True
                continue
            try:
                choice = choose(call, mode, right[direction], box.sizes.conv_block_s, pool)
            except RuntimeError as error:
                findings.found["left_out"][name] = str(error).partition("\n")[0][:200]
                continue
            longest = max(longest, before - box.left_s)
            findings.found["choices"][name] = _keys(direction, layout, mode, number)
            _check(name, choice, dtype, findings)
            yield name, choice


def _turns_s(box: Box) -> float:
    """Return the time that is left for the blocks of all choices, s."""
    return box.room_s(FOR_TURNS * (1 + box.sizes.rounds), 0)


def _choices(box: Box) -> Sequence[tuple[str, int]]:
    """Return how cuDNN is asked, and how often: heuristics always answer the same."""
    if box.kind == "cpu":
        return [(ON_CPU, 1)]
    again = [
        (mode, number)
        for mode, (tries, _) in MODES.items()
        for number in range(2, 1 + box.sizes.choices)
        if tries
    ]
    return [*((mode, 1) for mode in MODES), *again]


def _keys(direction: Direction, layout: str, mode: str, number: int) -> dict[str, Any]:
    return {"direction": direction, "layout": layout, "mode": mode, "choice": number}


def _check(name: str, choice: Choice, dtype: Dtype, findings: Findings) -> None:
    if choice.has_nan:
        findings.wrong.append(f"{name}: leaves NaN of the memory in its result")
    elif not is_right(choice.off, dtype):
        findings.wrong.append(f"{name}: off by {choice.off:.1e} of float64's")
