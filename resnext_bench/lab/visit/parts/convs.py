"""The grouped convolutions of ResNeXt-50, one by one: layouts, types, and cuDNN's choices.

One task takes all directions, layouts and choices of one layer in one type; they take turns. bf16
comes first for all layers, then the other types; then all plans of cuDNN (`convs_plans`), and last
what layouts and their best mix gain for whole steps (`convs_layouts`).
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

import torch

from resnext_bench.convs.measuring.checks import TYPES, is_right, keep_memory, set_precision
from resnext_bench.convs.measuring.choices import MODES, Choice, calls_of, choose, name_kernels
from resnext_bench.convs.measuring.exact import exact, tensors
from resnext_bench.convs.problems import of_network
from resnext_bench.lab.visit import convs_layouts, convs_plans
from resnext_bench.lab.visit.sizes import Sizes
from resnext_bench.lab.visit.tasks import Box, Findings, Planned
from resnext_bench.lab.visit.turns import Side, take_turns
from resnext_bench.reports.schema.convs import OPERATIONS, Convolution
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse
from resnext_bench.resnext.traffic import Dtype

LAYOUTS: Final = {"NHWC": torch.channels_last, "NCHW": torch.contiguous_format}
OVER: Final = "its time was over"
FOR_TURNS: Final = 1.0
"""Most seconds that a round of all choices takes."""
ON_CPU: Final = "oneDNN"
"""Name of the only mode on a CPU, where there is no benchmark."""


def tasks(box: Box) -> list[Planned]:
    """Return the tasks by type, and within a type in the order of the network."""
    keep_memory()
    layers = [(key_of(conv), conv) for conv in convolutions_of(box.sizes, "bf16")]
    return [*_of_choices(box), *convs_plans.tasks(box, layers), *convs_layouts.tasks(box)]


def _of_choices(box: Box) -> list[Planned]:
    return [
        Planned(
            key=f"{dtype}/{key_of(conv)}",
            run=partial(_measured, conv, box),
            room_s=box.room_s(20, 1),
            kind="conv",
        )
        for dtype in TYPES
        for conv in convolutions_of(box.sizes, dtype)
    ]


def convolutions_of(sizes: Sizes, dtype: Dtype) -> list[Convolution]:
    """Return the grouped convolutions of the network, layers that are alike in one."""
    layers = draw(parse(sizes.conv_model), sizes.conv_size)
    asked = of_network(layers, batch=sizes.conv_batch, dtype=dtype, layout="nhwc", everything=False)
    return [one.convolution for one in asked]


def key_of(conv: Convolution) -> str:
    """Return channels, edge, and stride if it is not 1: "128@56", "256@56/2"."""
    stride = f"/{conv.stride[0]}" if conv.stride[0] > 1 else ""
    return f"{conv.images[1]}@{conv.images[2]}{stride}"


def _measured(conv: Convolution, box: Box, findings: Findings) -> None:
    device = torch.device(box.kind)
    set_precision(conv.dtype)
    findings.found |= _facts(conv) | {"choices": {}, "left_out": {}}
    made: dict[str, Choice] = {}
    for name, choice in _made(conv, box, findings):
        made[name] = choice
        findings.found["choices"][name] |= choice.told()
        findings.keep()
    if not made:
        raise RuntimeError(f"no choice could be made: {findings.found['left_out']}")
    sides = [
        Side(name=name, train=choice.run, count=1, units=choice.calls)
        for name, choice in made.items()
    ]
    take_turns(sides, "calls", box, findings, device)
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


def _facts(conv: Convolution) -> dict[str, Any]:
    """Return shape, bytes and FLOP of a call."""
    batch, channels, size, _ = conv.images
    return {
        "type": conv.dtype,
        "layer": {
            "channels": channels,
            "out_channels": conv.filters,
            "size": size,
            "stride": conv.stride[0],
            "groups": conv.groups,
            "kernel": conv.kernel[0],
            "batch": batch,
            "names": list(conv.layers),
        },
        "bytes": dict.fromkeys(OPERATIONS, conv.least_bytes),
        "flop": conv.flop,
    }


def _made(conv: Convolution, box: Box, findings: Findings) -> Iterator[tuple[str, Choice]]:
    """Yield every choice that can be made in time, checked; the reasons for the others are stored.

    One of each mode for all operations and layouts comes before another of the same mode.
    """
    device = torch.device(box.kind)
    asked = tensors(conv, device)
    pool = torch.cuda.graph_pool_handle() if box.kind == "cuda" else None
    right = {operation: exact(asked, operation) for operation in OPERATIONS}
    calls = {
        (operation, layout): calls_of(asked, operation, memory)
        for operation in OPERATIONS
        for layout, memory in LAYOUTS.items()
    }
    for mode, number in _choices(box):
        longest = 0.0
        for (operation, layout), call in calls.items():
            name = f"{operation} {layout} {mode} {number}"
            before = box.left_s
            if before < longest + _turns_s(box):
                findings.found["left_out"][name] = OVER
                findings.found["cut"] = True
                continue
            try:
                choice = choose(call, mode, right[operation], box.sizes.conv_block_s, pool)
            except RuntimeError as error:
                findings.found["left_out"][name] = str(error).partition("\n")[0][:200]
                continue
            longest = max(longest, before - box.left_s)
            findings.found["choices"][name] = _keys(operation, layout, mode, number)
            _check(name, choice, conv.dtype, findings)
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


def _keys(operation: Operation, layout: str, mode: str, number: int) -> dict[str, Any]:
    return {"direction": operation, "layout": layout, "mode": mode, "choice": number}


def _check(name: str, choice: Choice, dtype: Dtype, findings: Findings) -> None:
    if choice.has_nan:
        findings.wrong.append(f"{name}: leaves NaN of the memory in its result")
    elif not is_right(choice.off, dtype):
        findings.wrong.append(f"{name}: off by {choice.off:.1e} of float64's")
