"""What is timed of layouts on a GPU: convolutions, norms, pools and conversions, side by side.

Sides of an item take turns on the stage, forth and back, as CUDA graphs of calls, each between two
events of its stream. Calls go through sets of tensors, results too, that exceed the L2 cache
several times: a step's tensors are not there either when a layer begins.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec
import torch

from resnext_bench.convs.layouts.device_jobs import Group, OfMap, SideFound
from resnext_bench.convs.layouts.jobs import SIDES, MapTask
from resnext_bench.convs.measuring import maps
from resnext_bench.convs.measuring.checks import TYPES, is_right, set_precision
from resnext_bench.convs.measuring.choices import Call, calls_of, choose, sets_for
from resnext_bench.convs.measuring.device import Device, Run
from resnext_bench.convs.measuring.exact import Tensors, exact, tensors
from resnext_bench.convs.measuring.plans import Broken
from resnext_bench.convs.measuring.problem import FORMATS, Kept
from resnext_bench.convs.plans.planner import brief
from resnext_bench.reports.schema.convs import Convolution
from resnext_bench.reports.schema.plan_times import Mode
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.traffic import Dtype
from resnext_bench.session.turns.stage import InProcess, Stage, Turn
from resnext_bench.symptoms import memory_kind

if TYPE_CHECKING:
    from torch.cuda import _POOL_HANDLE

MODE: Final[Mode] = "limit 10"
"""How PyTorch chooses a plan: as in `run`, unless it is told otherwise."""
WARM_UP: Final = 3
"""Calls of which the length of a block is taken."""
MOST_CALLS: Final = 200
OPERANDS: Final = 2
"""Maps that a norm, a pool or a conversion reads and writes, in sizes of the one that it reads."""

CallsOf = Callable[[Tensors, Convolution, Operation, int], Call]
"""Makes the calls of a side, which go through so many sets of tensors; tests plant others."""
MapCalls = Callable[[MapTask, torch.device], Iterator[Run]]


def torchs_calls(given: Tensors, conv: Convolution, operation: Operation, sets: int) -> Call:
    """Return the calls that training makes for a side."""
    return calls_of(given, operation, FORMATS[conv.layout], sets)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """Where and how everything is timed."""

    device: Device
    rounds: int
    """Counted rounds, after one that does not count."""
    block_s: float
    watch: Callable[[], None] = lambda: None
    """Called once or twice a second while sides take turns."""
    calls_of: CallsOf = torchs_calls
    map_calls: MapCalls = maps.calls_of


@dataclass(kw_only=True, slots=True)
class _Side:
    """One way to compute an item."""

    found: SideFound
    run: Run | None = None
    """Runs a block of calls; None where it cannot run."""
    calls: int = 1
    once: Run | None = None
    samples_us: list[float] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class _Shared:
    """What the sides of a group share: tensors and exact results of a type, memory of graphs."""

    operation: Operation
    stack: ExitStack
    known: dict[Dtype, tuple[Tensors, torch.Tensor]] = field(default_factory=dict)
    pool: "_POOL_HANDLE | None" = None


def time_group(group: Group, bench: Bench) -> tuple[SideFound, ...]:
    """Time one operation of one convolution in all its types and layouts; raises Broken.

    PyTorch chooses for each side in a thread of its own, and the result is compared with float64.
    """
    with ExitStack() as stack:
        shared = _Shared(operation=group.operation, stack=stack)
        if bench.device.torch.type == "cuda":
            shared.pool = torch.cuda.graph_pool_handle()
        makes = [partial(_conv_side, conv, bench, shared) for conv in group.sides]
        return _timed([_tried(make, bench.device) for make in makes], bench)


def time_map(item: OfMap, bench: Bench) -> tuple[SideFound, ...]:
    """Time what is done with a map, in all layouts and directions; raises Broken."""
    count = len(SIDES[item.task.kind == "convert"])
    with bench.device.beside():  # autograd works on the stream on which forward ran
        try:
            sides = list(_map_sides(item.task, bench))
        except RuntimeError as error:
            _require_answers(bench.device, error)
            return (SideFound(why=_why(error)),) * count
        return _timed(sides, bench)


def _tried(make: Callable[[], _Side], device: Device) -> _Side:
    """Return a side, or why it cannot run."""
    try:
        return make()
    except RuntimeError as error:
        _require_answers(device, error)
        return _Side(found=SideFound(why=_why(error)))


def _require_answers(device: Device, error: Exception) -> None:
    if not device.answers():
        raise Broken(brief(error)) from error


def _why(error: Exception) -> str:
    """Return an error in one line; of lack of memory what helps."""
    if memory_kind(str(error)):
        return "no room in the GPU's memory: a smaller --batch-size"
    return brief(error)


def _conv_side(conv: Convolution, bench: Bench, shared: _Shared) -> _Side:
    device, operation = bench.device, shared.operation
    set_precision(conv.dtype)
    if conv.dtype not in shared.known:
        made = tensors(conv, device.torch)
        shared.known[conv.dtype] = made, exact(made, operation)
    given, right = shared.known[conv.dtype]
    bytes_ = sum(one.nbytes for one in (given.images, given.weight, given.gradient))
    sets = sets_for(bytes_, device.cache_bytes)
    call = Kept(bench.calls_of(given, conv, operation, sets), sets)
    choice = choose(call, MODE, right, bench.block_s, shared.pool)
    call.forget()
    shared.stack.callback(choice.thread.shutdown)
    return _Side(
        found=SideFound(
            error=None if choice.has_nan or math.isnan(choice.off) else choice.off,
            is_wrong=choice.has_nan or not is_right(choice.off, conv.dtype),
            is_captured=not choice.why,
            sets=sets,
        ),
        run=partial(_run, conv.dtype, partial(choice.run, 1)),
        calls=choice.calls,
        once=partial(_run, conv.dtype, choice.once),
    )


def _run(dtype: Dtype, run: Run) -> None:
    """Run with the settings of a type: what is no graph reads them anew, and takes another plan."""
    set_precision(dtype)
    run()


def _map_sides(task: MapTask, bench: Bench) -> Iterator[_Side]:
    device = bench.device
    bytes_ = OPERANDS * math.prod(task.shape) * TYPES[task.dtype].itemsize
    sets = sets_for(bytes_, device.cache_bytes)
    rows = [list(bench.map_calls(task, device.torch)) for _ in range(sets)]
    for place in range(len(rows[0])):
        calls = [row[place] for row in rows]
        once = calls[0]
        each_s = _seconds(partial(_calls, calls, WARM_UP), device) / WARM_UP
        count = min(MOST_CALLS, max(2, math.ceil(bench.block_s / max(each_s, 1e-9))))
        run: Run = partial(_calls, calls, count)
        is_captured = True
        try:
            run = device.captured(run)
        except RuntimeError as error:
            _require_answers(device, error)
            is_captured = False
        yield _Side(
            found=SideFound(sets=sets, is_captured=is_captured), run=run, calls=count, once=once
        )


def _calls(calls: Sequence[Run], times: int) -> None:
    """Make calls on all sets in turn; results live until their set's next turn, as in a step."""
    results: dict[int, object] = {}
    for number in range(times):
        place = number % len(calls)
        results[place] = calls[place]()


def _seconds(run: Run, device: Device) -> float:
    run()
    device.settle()
    start = time.perf_counter()
    run()
    device.settle()
    return time.perf_counter() - start


def _timed(sides: Sequence[_Side], bench: Bench) -> tuple[SideFound, ...]:
    """Let all that can run take turns, and name their kernels."""
    able = [(side, side.run) for side in sides if side.run is not None]
    if able:
        with ExitStack() as stack:
            stage = Stage(
                stack=stack,
                cores=1,
                watch=bench.watch,
                sides=[InProcess(partial(_block_s, bench.device, run)) for _, run in able],
            )
            turns = [Turn(side=at, steps=side.calls) for at, (side, _) in enumerate(able)]
            lengths = stage.take_turns(turns, 1 + bench.rounds)
        for row in islice(lengths, 1, None):
            for (side, _), seconds in zip(able, row, strict=True):
                side.samples_us.append(round(1e6 * seconds / side.calls, 4))
    with suppress(RuntimeError):  # times are worth keeping without names
        _name([side for side, _ in able], bench.device)
    return tuple(
        msgspec.structs.replace(side.found, samples_us=tuple(side.samples_us)) for side in sides
    )


def _block_s(device: Device, run: Run, steps: int) -> float:
    return device.length_s(run)


def _name(sides: Sequence[_Side], device: Device) -> None:
    calls = [side.once for side in sides if side.once is not None]
    for side, kernels in zip(sides, device.kernels(calls), strict=True):
        longest = max(kernels, key=lambda one: one[1], default=("", 0.0))[0]
        side.found = msgspec.structs.replace(
            side.found, kernel=longest, kernels=tuple(name for name, _ in kernels)
        )
