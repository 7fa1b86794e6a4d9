"""A duet: two sides stay resident and take turns, for longer where their pairs scatter."""

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from resnext_bench.launch.resident import Resident
from resnext_bench.reports.figures.validity import GpuUse
from resnext_bench.reports.schema.comparison import Order
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.session.recording import Started
from resnext_bench.session.setup import Setup
from resnext_bench.session.turns.blocks import (
    FEWEST_WHEN_OVER,
    MOST_STEPS,
    Judge,
    Lengths,
    block_length,
    most_pairs,
    well_known,
)
from resnext_bench.session.turns.residents import MEANS, WORKER, Means, Room
from resnext_bench.session.turns.room import (
    Free,
    memory_sought,
    no_room,
    no_room_told,
    require_room,
    require_shared_gpus,
    require_shared_memory_for,
)
from resnext_bench.session.turns.stage import Stage, Turn


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """How long a duet session is, and how it is measured."""

    pairs: int
    """Counted pairs of blocks, after one that does not count."""
    block_steps: int
    """Counted steps of a block, after one dropped step; 0: chosen after warm-up."""
    more: bool
    """Whether more pairs follow while they scatter, for at most the time that building took."""
    check_memory: bool
    """Whether to build the second side only after the first has shown what it needs."""
    modules: tuple[str, str] = (WORKER, WORKER)
    """The module that the ranks of each side run."""
    ends_s: float = math.inf
    """When the time is over, by the monotonic clock: the session ends with the pairs it has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """The result of one duet session."""

    results: tuple[SessionResult, SessionResult]
    """Results of a and b; their first `block_steps` steps are the block that does not count."""
    block_steps: int
    use: GpuUse
    quiet_percent: float
    """CPU time of the side without the token, in per cent of its cores, over both sides."""
    started: tuple[Started, Started]


Tick = Callable[[int], None]
"""Called once or twice a second with the number of pairs finished."""


def play(
    a: Setup,
    b: Setup,
    score: Score,
    number: int,
    order: Order,
    tick: Tick,
    so_far: Lengths,
    means: Means = MEANS,
) -> Played:
    """Launch both sides, let them take turns, and end them; `order` says which is first.

    `so_far` collects the pairs of blocks as they end, for a session that is interrupted.
    """
    sides, modules = ((a, b), score.modules) if order == "ab" else ((b, a), score.modules[::-1])
    with ExitStack() as stack:
        watch = stack.enter_context(means.watching(sorted({*a.gpu_indices(), *b.gpu_indices()})))
        stage: Stage[Resident] = Stage(
            stack=stack,
            cores=sides[0].cores,
            tell=lambda blocks: tick(max(0, blocks // 2 - 1)),
            clock=means.clock,
        )
        start = means.clock()
        room = _room(score)
        _build(
            stage,
            sides,
            [
                partial(means.build, run, number, room, module)
                for run, module in zip(sides, modules, strict=True)
            ],
            check_memory=score.check_memory,
        )
        watch.start()
        stage.watch = watch.sample
        steps = score.block_steps or block_length(
            max(stage.warm_ns), may_be_short=may_be_short(a.config, b.config)
        )
        stage.take_turns(
            [Turn(side=0, steps=steps), Turn(side=1, steps=steps)],
            1 + score.pairs,
            more=_more(score, means.clock, means.clock() - start),
            over=_over(score, means.clock),
            so_far=so_far,
        )
        use = watch.report().shared()
        results = [side.finish() for side in stage.sides]
    turned = 1 if order == "ab" else -1
    first, second = results[::turned]
    began, other = stage.started[::turned]
    return Played(
        results=(first, second),
        block_steps=steps,
        use=use,
        quiet_percent=stage.quiet_percent,
        started=(began, other),
    )


def _build(
    stage: Stage[Resident],
    sides: tuple[Setup, Setup],
    starts: Sequence[Callable[[], Resident]],
    *,
    check_memory: bool,
) -> None:
    """Start both sides, or with `check_memory` the second one only if there is room for it."""
    require_shared_gpus(*sides, instead="use --design relaunch, or")
    with no_room_told():
        require_shared_memory_for(*sides)
    if not check_memory:
        stage.build(*starts)
        return
    before = Free.look(sides[0].gpu_indices())
    stage.build(starts[0])
    require_room(stage.sides[0].processes.pids, *sides, before)
    with memory_sought(no_room):
        stage.build(starts[1])


def _room(score: Score) -> Room:
    block = 1 + (score.block_steps or MOST_STEPS)
    return Room(steps=(1 + _most(score)) * block, block=block)


def _most(score: Score) -> int:
    """Return the most pairs of blocks that may count."""
    if not score.more:
        return score.pairs
    return most_pairs(score.pairs, score.block_steps or MOST_STEPS)


def _more(score: Score, clock: Callable[[], float], built_s: float) -> Judge:
    """Return whether more pairs follow: while they scatter and took less time than building.

    Dividing time equally between launches and blocks costs at most twice the best division,
    whichever of the two varies more.
    """
    begun = clock()

    def more(lengths: Lengths) -> bool:
        counted = len(lengths) - 1
        if not score.more or counted >= _most(score):
            return False
        # Whole quads: an odd pair would leave the cost of being second with one side.
        short = clock() - begun < built_s
        return counted % 2 == 1 or (short and not well_known(lengths[1:]))

    return more


def _over(score: Score, clock: Callable[[], float]) -> Judge:
    """Return whether the end of the time may cut the session."""

    def over(lengths: Lengths) -> bool:
        counted = len(lengths) - 1
        whole = counted >= FEWEST_WHEN_OVER and counted % 2 == 0
        return whole and clock() > score.ends_s

    return over


def may_be_short(*configs: RunConfig) -> bool:
    """Return whether a pause changes nothing but the ranks' own work; see `SHORT_STEPS`."""
    return all(one.device == "cpu" and one.pipeline == "synthetic" for one in configs)
