"""Makes plans ready to be timed: built, given memory, checked against float64, captured.

All plans of a problem share tensors and one workspace. What is timed is what was checked: the
replay of a CUDA graph, over memory full of NaN.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import torch

from resnext_bench.convs.measuring.checks import is_right, off
from resnext_bench.convs.measuring.choices import MOST_CALLS, sets_for
from resnext_bench.convs.measuring.device import SAME, Device, Run
from resnext_bench.convs.measuring.exact import Tensors
from resnext_bench.convs.measuring.frontend import Plans
from resnext_bench.convs.plans.planner import RESULTS, brief
from resnext_bench.reports.schema.plan_times import Fault, FaultKind
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.traffic import Dtype

WARM_UP: Final = 3
"""Calls of which the length of a block is taken."""
Set = Mapping[str, torch.Tensor]
"""Tensors named images, weights and outputs."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What all plans of a problem share."""

    device: Device
    plans: Plans
    sets: Sequence[Set]
    """Sets of tensors through which calls go in turn; the first is also the warm one."""
    result: str
    """Name of the tensor that is computed."""
    exact: torch.Tensor
    """The result in float64."""
    dtype: Dtype
    block_s: float


@dataclass(kw_only=True)
class Ready:
    """A plan, ready to be timed unless a fault says otherwise."""

    tag: str
    index: int
    workspace: int | None = None
    error: float | None = None
    each_s: float = math.inf
    """Length of a call in warm-up."""
    calls: int = 1
    """Number of calls in a block."""
    cold: Run | None = None
    """Runs a block through all sets; None where it cannot be timed."""
    warm: Run | None = None
    """Runs a block through the first set alone; None where one set exceeds the cache."""
    once: Run | None = None
    """Runs one call."""
    faults: list[Fault] = field(default_factory=list)


class Broken(Exception):
    """Raised when the device does not answer any more; only a new process can go on."""


def sets_of(
    asked: Tensors, operation: Operation, layout: torch.memory_format, cache_bytes: int
) -> list[Set]:
    """Return sets of tensors that together exceed a cache several times; results are full of NaN.

    The tensor that the operation computes is memory of its own.
    """
    first = {"images": asked.images, "weights": asked.weight, "outputs": asked.gradient}
    first = {name: one.contiguous(memory_format=layout) for name, one in first.items()}
    result = RESULTS[operation]
    first[result] = torch.full_like(first[result], math.nan)
    count = sets_for(sum(one.nbytes for one in first.values()), cache_bytes)
    return [first, *({name: one.clone() for name, one in first.items()} for _ in range(count - 1))]


def made_ready(
    ground: Ground,
    skipped: Sequence[str] = (),
    trying: Callable[[str], None] = lambda tag: None,
) -> Iterator[Ready]:
    """Yield every plan, checked and captured; one that fails says why, and the next has its turn.

    All are built before the first one runs, as they share a workspace of the largest size that has
    room. Those that are `skipped` have broken a process before. Raises Broken.
    """
    every = [Ready(tag=tag, index=at) for at, tag in enumerate(ground.plans.tags)]
    for plan in every:
        if plan.tag in skipped:
            _blame(plan, "broke")
        else:
            trying(plan.tag)
            _build(ground, plan)
    workspace = _workspace(ground, every)
    for plan in every:
        if not plan.faults:
            trying(plan.tag)
            _prepare(ground, plan, workspace)
        yield plan


def _blame(plan: Ready, kind: FaultKind, said: str = "") -> None:
    plan.faults.append(Fault(kind=kind, said=said))


def _build(ground: Ground, plan: Ready) -> None:
    try:
        plan.workspace = ground.plans.build(plan.index)
    except Exception as error:  # whatever the library raises is this plan's fault alone
        _blame(plan, "unbuilt", brief(error))


def _workspace(ground: Ground, every: Sequence[Ready]) -> torch.Tensor:
    """Return memory for the largest workspace that has room; plans that need more are told so."""
    sizes = sorted({plan.workspace or 0 for plan in every}, reverse=True)
    for size in sizes:
        try:
            return torch.empty(
                math.ceil(max(size, 1) / SAME) * SAME, dtype=torch.uint8, device=ground.device.torch
            )
        except RuntimeError as error:  # lack of memory, of the allocator or of the driver
            for plan in every:
                if plan.workspace == size:
                    _blame(plan, "no_memory", brief(error))
    return torch.empty(SAME, dtype=torch.uint8, device=ground.device.torch)


def _prepare(ground: Ground, plan: Ready, workspace: torch.Tensor) -> None:
    run = partial(_calls, ground, plan.index, workspace)
    try:
        _poison(ground, workspace)
        run(1, 1)
        ground.device.settle()
        _check(ground, plan, 0)
        if plan.faults:
            return
        plan.each_s = _seconds(ground.device, partial(run, 1, WARM_UP)) / WARM_UP
    except Exception as error:
        if not ground.device.answers():
            raise Broken(brief(error)) from error
        _blame(plan, "raised", brief(error))
        return
    most = max(MOST_CALLS, len(ground.sets))  # fewer calls would find their tensors in the cache
    plan.calls = min(most, max(2, math.ceil(ground.block_s / plan.each_s)))
    plan.once = partial(run, 1, 1)
    _capture(ground, plan, workspace)


def _capture(ground: Ground, plan: Ready, workspace: torch.Tensor) -> None:
    """Make blocks of calls, as CUDA graphs where that can be, and check what a block leaves."""
    count = len(ground.sets)
    run = partial(_calls, ground, plan.index, workspace)
    cold, warm = partial(run, count, plan.calls), partial(run, 1, plan.calls)
    try:
        plan.cold = ground.device.captured(cold)
        plan.warm = ground.device.captured(warm) if count > 1 else None
    except Exception as error:
        if not ground.device.answers():
            raise Broken(brief(error)) from error
        _blame(plan, "uncaptured", brief(error))
        plan.cold, plan.warm = cold, warm if count > 1 else None
    _poison(ground, workspace)
    plan.cold()
    ground.device.settle()
    _check(ground, plan, (plan.calls - 1) % count)


def _calls(ground: Ground, index: int, workspace: torch.Tensor, sets: int, times: int) -> None:
    """Launch calls that take their tensors from the first `sets` in turn."""
    for number in range(times):
        ground.plans.run(index, ground.sets[number % sets], workspace)


def _poison(ground: Ground, workspace: torch.Tensor) -> None:
    """Fill workspace and results with NaN: who leaves or reads unwritten memory is found out."""
    workspace.view(torch.float32).fill_(math.nan)
    for one in ground.sets:
        one[ground.result].fill_(math.nan)


def _check(ground: Ground, plan: Ready, place: int) -> None:
    """Compare the result in a set with float64's; a fault is added where it is not right."""
    result = ground.sets[place][ground.result]
    error = off(result, ground.exact)
    if math.isnan(error):
        plan.error = None
        _refuse(plan, "unwritten")
        return
    plan.error = max(error, plan.error or 0.0)
    if not is_right(plan.error, ground.dtype):
        _refuse(plan, "wrong")


def _refuse(plan: Ready, kind: FaultKind) -> None:
    """Blame a plan, and keep it from being timed."""
    _blame(plan, kind)
    plan.cold = plan.warm = None


def _seconds(device: Device, run: Run) -> float:
    device.settle()
    start = time.perf_counter()
    run()
    device.settle()
    return time.perf_counter() - start
