"""One problem on a device: its plans, cold and warm, and PyTorch's choices take turns.

A problem is one operation of one convolution. Sides that take many times as long as the best have
two rounds, all others as many as were asked for.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Final, get_args

import torch

from resnext_bench.convs.measuring.blocks import block_s
from resnext_bench.convs.measuring.checks import is_right, set_precision
from resnext_bench.convs.measuring.choices import Choice, beside, calls_of, choose
from resnext_bench.convs.measuring.device import Device, Named, Run
from resnext_bench.convs.measuring.exact import Tensors, exact, tensors
from resnext_bench.convs.measuring.frontend import Frontend
from resnext_bench.convs.measuring.plans import Ground, Ready, made_ready, sets_of
from resnext_bench.convs.plans.planner import RESULTS, brief
from resnext_bench.convs.times.device_jobs import TimedPlan, TimedProblem
from resnext_bench.reports.schema.convs import Convolution
from resnext_bench.reports.schema.plan_times import (
    Fault,
    FaultKind,
    Mode,
    Times,
    TorchChoice,
)
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.session.turns.blocks import Judge, Lengths, never
from resnext_bench.session.turns.stage import InProcess, Stage, Turn

FORMATS: Final = {"nhwc": torch.channels_last, "nchw": torch.contiguous_format}
SLOW: Final = 20.0
"""How many times as long as the best a side takes that has few rounds."""
FEW_ROUNDS: Final = 2
"""Rounds of what is slow: forth and back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """How a problem is to be timed."""

    rounds: int = 12
    """Number of rounds, even: forth and back."""
    block_s: float = 0.01
    """Approximate length of a block, s."""
    repeats: int = 3
    """How often PyTorch is asked anew, with cuDNN benchmark on; heuristics always answer the
    same."""
    skipped: tuple[str, ...] = ()
    """Tags of plans that have broken a process before."""


@dataclass(kw_only=True)
class Side:
    """One way to compute the problem, ready to be timed."""

    run: Run
    """Runs a block."""
    calls: int
    samples_us: list[float] = field(default_factory=list)


@dataclass(kw_only=True)
class Way:
    """A plan or a choice, with its sides."""

    plan: Ready | None = None
    choice: Choice | None = None
    mode: Mode = "off"
    number: int = 1
    sides: dict[str, Side] = field(default_factory=dict)
    """Sides by temperature of the cache: cold and warm."""
    kernels: Named = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


Trying = Callable[[str], None]
"""Called with the tag of each plan before it is built and before it runs for the first time, and
with an empty one when all have run."""


def time_problem(
    convolution: Convolution,
    operation: Operation,
    wanted: Wanted,
    device: Device,
    frontend: Frontend,
    *,
    trying: Trying = lambda tag: None,
    over: Judge = never,
    watch: Callable[[], None] = lambda: None,
) -> TimedProblem:
    """Time all plans of one problem, and PyTorch's choices, in turn.

    `over` may end it between rounds. Raises Broken where the device does not answer any more.
    """
    set_precision(convolution.dtype)
    asked = tensors(convolution, device.torch)
    right = exact(asked, operation)
    layout = FORMATS[convolution.layout]
    ground = Ground(
        device=device,
        plans=frontend.plans_of(convolution, operation),
        sets=sets_of(asked, operation, layout, device.cache_bytes),
        result=RESULTS[operation],
        exact=right,
        dtype=convolution.dtype,
        block_s=wanted.block_s,
    )
    plans = [_of_plan(one) for one in made_ready(ground, wanted.skipped, trying)]
    trying("")
    choices = list(_choices(ground, asked, operation, layout, wanted))
    _take_turns([*plans, *choices], wanted, device, over, watch)
    _name(plans + choices, device)
    found = TimedProblem(
        sets=len(ground.sets),
        plans=tuple(map(_plan, plans)),
        choices=tuple(map(_choice, choices)),
    )
    for way in choices:
        if way.choice is not None:
            way.choice.thread.shutdown()
    return found


def _of_plan(plan: Ready) -> Way:
    runs = {"cold": plan.cold, "warm": plan.warm}
    return Way(
        plan=plan,
        faults=plan.faults,
        sides={
            name: Side(run=run, calls=plan.calls) for name, run in runs.items() if run is not None
        },
    )


def _choices(
    ground: Ground,
    asked: Tensors,
    operation: Operation,
    layout: torch.memory_format,
    wanted: Wanted,
) -> Iterator[Way]:
    """Yield PyTorch's choices, each made in a thread of its own; one that fails says why."""
    count = len(ground.sets)
    cold = Kept(calls_of(asked, operation, layout, count), count)
    warm = calls_of(asked, operation, layout, 1)
    on_gpu = ground.device.torch.type == "cuda"
    pool = torch.cuda.graph_pool_handle() if on_gpu else None
    for mode, number in _asked(wanted.repeats):
        way = Way(mode=mode, number=number)
        try:
            way.choice = choose(cold, mode, ground.exact, wanted.block_s, pool)
            _judge(way, way.choice, ground)
            if not way.faults:
                way.sides = _sides(way.choice)
                if count > 1:
                    way.sides["warm"] = _sides(beside(way.choice, warm, pool))["cold"]
        except RuntimeError as error:
            way.faults.append(Fault(kind="raised", said=brief(error)))
        cold.forget()
        yield way


class Kept:
    """Calls whose results are kept, so that each set of tensors has a result of its own.

    Otherwise the allocator would give one piece of memory to all of them, which the cache holds.
    """

    def __init__(self, call: Callable[[int], torch.Tensor], count: int) -> None:
        self._call = call
        self._count = count
        self._results: dict[int, torch.Tensor] = {}

    def __call__(self, number: int) -> torch.Tensor:
        """Compute the result from the set of tensors with this number."""
        result = self._call(number)
        self._results[number % self._count] = result
        return result

    def forget(self) -> None:
        """Let go of all results: graphs keep their own memory."""
        self._results.clear()


def _asked(repeats: int) -> Iterator[tuple[Mode, int]]:
    """Yield how PyTorch is asked and how often: once in each mode, then what may vary anew."""
    for number in range(1, 1 + repeats):
        for mode in get_args(Mode):
            if number == 1 or mode != "off":
                yield mode, number


def _judge(way: Way, choice: Choice, ground: Ground) -> None:
    kind: FaultKind | None = None
    if choice.has_nan:
        kind = "unwritten"
    elif not is_right(choice.off, ground.dtype):
        kind = "wrong"
    if kind is not None:
        way.faults.append(Fault(kind=kind))
    elif choice.why:
        way.faults.append(Fault(kind="uncaptured", said=choice.why))


def _sides(choice: Choice) -> dict[str, Side]:
    return {"cold": Side(run=partial(choice.run, 1), calls=choice.calls)}


def _take_turns(
    ways: Sequence[Way],
    wanted: Wanted,
    device: Device,
    over: Judge,
    watch: Callable[[], None],
) -> None:
    """Time blocks of all sides in turn, first all of them, then those that are not slow."""
    sides = [side for way in ways for side in way.sides.values()]
    if not sides:
        return
    with ExitStack() as stack:
        stage = Stage(
            stack=stack,
            cores=1,
            watch=watch,
            sides=[InProcess(partial(_block_s, side, device)) for side in sides],
        )
        _rounds(stage, sides, sides, min(FEW_ROUNDS, wanted.rounds), over)
        # Plans are compared with choices, which therefore have all rounds, however slow.
        slow = [one for one in _slow(ways) if one.plan] if wanted.rounds > FEW_ROUNDS else []
        quick = [side for way in ways if way not in slow for side in way.sides.values()]
        _rounds(stage, sides, quick, wanted.rounds - FEW_ROUNDS, over)
    for way in slow:
        way.faults.append(Fault(kind="slow"))


def _slow(ways: Sequence[Way]) -> list[Way]:
    """Return what takes `SLOW` times as long as the best, by the better of its rounds so far."""
    sides = [way.sides.values() for way in ways]
    least = [min((us for one in some for us in one.samples_us), default=None) for some in sides]
    best = min(filter(None, least), default=0.0)
    return [way for way, us in zip(ways, least, strict=True) if us and us > SLOW * best]


def _rounds(
    stage: Stage[InProcess], all_: Sequence[Side], some: Sequence[Side], rounds: int, over: Judge
) -> None:
    if not some or rounds <= 0:
        return
    places = {id(side): place for place, side in enumerate(all_)}
    turns = [Turn(side=places[id(side)], steps=side.calls) for side in some]
    lengths: Lengths = stage.take_turns(turns, rounds, over=over)
    for row in lengths:
        for side, seconds in zip(some, row, strict=True):
            side.samples_us.append(round(1e6 * seconds / side.calls, 4))


def _block_s(side: Side, device: Device, steps: int) -> float:
    """Return the length of a block; one before it, which finds others' tensors, does not count."""
    return block_s(side.run, side.run, device.settle)


def _name(ways: Sequence[Way], device: Device) -> None:
    """Name the kernels of all that was timed; times are worth keeping without them."""
    timed = [way for way in ways if way.sides]
    try:
        named = device.kernels([_once(way) for way in timed])
    except RuntimeError:
        return
    for way, kernels in zip(timed, named, strict=True):
        way.kernels = kernels


def _once(way: Way) -> Run:
    if way.plan is not None and way.plan.once is not None:
        return way.plan.once
    assert way.choice is not None
    return way.choice.once


def _times(way: Way, error: float | None) -> Times:
    samples = {name: tuple(side.samples_us) for name, side in way.sides.items()}
    return Times(
        samples_us=samples.get("cold", ()),
        warm_us=samples.get("warm", ()),
        error=error,
        kernels=tuple(name for name, _ in way.kernels),
        kernel=max(way.kernels, key=lambda one: one[1], default=("", 0.0))[0],
        faults=tuple(way.faults),
    )


def _plan(way: Way) -> TimedPlan:
    plan = way.plan
    assert plan is not None
    return TimedPlan(tag=plan.tag, workspace=plan.workspace, times=_times(way, plan.error))


def _choice(way: Way) -> TorchChoice:
    choice = way.choice
    error = None if choice is None or choice.has_nan else choice.off
    return TorchChoice(
        mode=way.mode,
        number=way.number,
        search_s=round(choice.search_s, 4) if choice else 0.0,
        times=_times(way, error),
    )
