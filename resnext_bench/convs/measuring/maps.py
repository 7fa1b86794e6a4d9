"""Times norms, pools and conversions of maps in turn.

`python -m resnext_bench.convs.measuring.maps` reads its job from standard input, and writes a line
when a task is done. Layouts and directions of a task take turns on the stage.
"""

import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Final

import msgspec
import torch
from torch.nn import functional

from resnext_bench.convs.layouts.jobs import MapsAnswer, MapsJob, MapTask
from resnext_bench.convs.measuring.checks import TYPES
from resnext_bench.machine.host.process import bind_to_cores, die_with_parent
from resnext_bench.session.turns.stage import InProcess, Stage, Turn

Call = Callable[[], object]
MOST_CALLS: Final = 1000
LAYOUTS: Final = (torch.channels_last, torch.contiguous_format)
"""NHWC and NCHW, in the order of the sides."""
LRN_SIZE: Final = 5
CPU: Final = torch.device("cpu")


def main() -> None:
    """Do the job that standard input tells."""
    die_with_parent()
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=MapsJob)
    bind_to_cores(job.cores)
    torch.set_num_threads(job.threads)
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print is no answer
    for done, task in enumerate(job.tasks, 1):
        answer = MapsAnswer(done=done, samples_us=samples_of(task, job.rounds, job.block_s))
        out.write(msgspec.json.encode(answer) + b"\n")


def samples_of(task: MapTask, rounds: int, block_s: float) -> tuple[tuple[float, ...], ...]:
    """Return µs of a call of each side in each round; one round goes before and does not count."""
    calls = list(calls_of(task))
    turns = [Turn(side=place, steps=_times_in(call, block_s)) for place, call in enumerate(calls)]
    with ExitStack() as stack:
        sides = [InProcess(_block(call)) for call in calls]
        lengths = Stage(stack=stack, cores=1, sides=sides).take_turns(turns, 1 + rounds)
    return tuple(
        tuple(1e6 * row[place] / turn.steps for row in lengths[1:])
        for place, turn in enumerate(turns)
    )


def calls_of(task: MapTask, device: torch.device = CPU) -> Iterator[Call]:
    """Yield what its sides do, in the order of `SIDES`."""
    draw = torch.Generator(device).manual_seed(0)
    noise = torch.randn(task.shape, generator=draw, device=device).to(TYPES[task.dtype])
    maps = [noise.contiguous(memory_format=layout) for layout in LAYOUTS]
    if task.kind == "convert":
        for given, layout in zip(maps, reversed(LAYOUTS), strict=True):
            yield _converts(given, layout)
        return
    pairs = [_forward_and_backward(task, given) for given in maps]
    yield from (forward for forward, _ in pairs)
    yield from (backward for _, backward in pairs)


def _converts(given: torch.Tensor, layout: torch.memory_format) -> Call:
    return lambda: given.contiguous(memory_format=layout)


def _forward_and_backward(task: MapTask, given: torch.Tensor) -> tuple[Call, Call]:
    given.requires_grad_(task.has_gradient)
    channels = task.shape[1]
    ones, zeros = (partial(one, channels, device=given.device) for one in (torch.ones, torch.zeros))
    scale, shift = ones(), zeros()
    trained = [one.requires_grad_() for one in (scale, shift) if task.kind == "norm"]
    mean, variance = zeros(), ones()

    def forward() -> torch.Tensor:
        match task.kind:
            case "norm":
                return functional.batch_norm(given, mean, variance, scale, shift, training=True)
            case "max_pool":
                window = (task.kernel, task.stride, task.padding)
                return functional.max_pool2d(given, *window)
            case "lrn":
                return functional.local_response_norm(given, LRN_SIZE)
            case _:
                return functional.adaptive_avg_pool2d(given, 1)

    result = forward()
    gradient = torch.ones_like(result)
    wanted = [*([given] if task.has_gradient else []), *trained]

    def backward() -> object:
        return torch.autograd.grad(result, wanted, gradient, retain_graph=True)

    return forward, backward if wanted else lambda: None


def _times_in(call: Call, block_s: float) -> int:
    """Return how often it can be done in this many seconds."""
    call()
    start = time.perf_counter()
    call()
    each = time.perf_counter() - start
    return min(MOST_CALLS, max(1, math.ceil(block_s / max(each, 1e-9))))


def _block(call: Call) -> Callable[[int], float]:
    def block_s(times: int) -> float:
        start = time.perf_counter()
        for _ in range(times):
            call()
        return time.perf_counter() - start

    return block_s


if __name__ == "__main__":
    main()
