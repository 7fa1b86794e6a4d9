"""All plans of cuDNN for the grouped convolutions of ResNeXt-50, in bf16 and NHWC, in turn.

`convs time` measures the same; a visit keeps it beside its other results, for one layer a task.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Final

import torch

from resnext_bench.convs.measuring.device import Cuda, Device
from resnext_bench.convs.measuring.frontend import Frontend
from resnext_bench.convs.measuring.problem import Wanted, time_problem
from resnext_bench.convs.times.device_jobs import TimedProblem
from resnext_bench.lab.visit.sizes import PLANS, Sizes
from resnext_bench.lab.visit.tasks import Box, Findings, Planned, Skip, plain
from resnext_bench.reports.schema.convs import OPERATIONS, Convolution
from resnext_bench.reports.schema.plan_times import FaultKind, Times
from resnext_bench.session.turns.blocks import Lengths

ROUNDS: Final = 10
BLOCK_S: Final = 0.002
LEAST_S: Final = 1.0
"""Time of the box, s, below which no round begins."""
_FALSE: Final[tuple[FaultKind, ...]] = ("wrong", "unwritten")


def tasks(box: Box, convolutions: Sequence[tuple[str, Convolution]]) -> Iterator[Planned]:
    """Yield a task for each of these convolutions, by their keys."""
    for key, conv in convolutions:
        yield Planned(
            key=f"{PLANS}/{key}", run=partial(_measured, conv, box), room_s=box.room_s(15, 0)
        )


def _measured(conv: Convolution, box: Box, findings: Findings) -> None:
    if box.kind == "cpu":
        raise Skip("cuDNN runs no plan without a GPU")
    if find_spec("cudnn") is None:
        raise Skip("nvidia-cudnn-frontend is not installed")
    device = Cuda(torch.device(box.kind))
    frontend = Frontend(import_module("cudnn"), device.stream)
    measure(conv, box, findings, device, frontend)
    frontend.close()


def measure(
    conv: Convolution, box: Box, findings: Findings, device: Device, frontend: Frontend
) -> None:
    """Time all operations, and store what was found after each of them."""
    findings.found |= {
        "type": conv.dtype,
        "layout": conv.layout,
        "layers": list(conv.layers),
        "bytes": conv.least_bytes,
        "flop": conv.flop,
        "problems": {},
    }
    with findings.watched():
        for operation in OPERATIONS:
            if box.left_s < LEAST_S:
                findings.found["cut"] = True
                return
            found = time_problem(
                conv, operation, _wanted(box.sizes), device, frontend, over=partial(_is_over, box)
            )
            findings.found["problems"][operation] = plain(found)
            findings.wrong += _wrong(operation, found)
            findings.keep()


def _wanted(sizes: Sizes) -> Wanted:
    return Wanted(rounds=ROUNDS, block_s=BLOCK_S, repeats=sizes.choices)


def _is_over(box: Box, lengths: Lengths) -> bool:
    """Return whether the box has no time for another pair of rounds."""
    return len(lengths) % 2 == 0 and box.left_s < LEAST_S


def _wrong(operation: str, found: TimedProblem) -> Iterator[str]:
    """Yield what computed a wrong result."""
    named: list[tuple[str, Times]] = [(plan.tag, plan.times) for plan in found.plans]
    named += [(f"PyTorch, {one.mode} {one.number}", one.times) for one in found.choices]
    for name, times in named:
        if any(fault.kind in _FALSE for fault in times.faults):
            far = "leaves NaN in its result" if times.error is None else f"off by {times.error:.1e}"
            yield f"{operation} {name}: {far}"
