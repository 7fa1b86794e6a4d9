"""A duet: both sides stay resident, and a token decides whose block of steps runs.

What the machine does to one side it does a second later to the other, so their ratio is far
quieter than either. The side without the token must not disturb; its use of the CPU is measured.
"""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from resnext_bench import tokens
from resnext_bench.launch.resident import Resident
from resnext_bench.machine.gpu import nvml
from resnext_bench.machine.gpu.watch import open_watch
from resnext_bench.machine.host.cores import load_1min
from resnext_bench.machine.host.process import undisturbed
from resnext_bench.reports.figures.validity import GpuUse
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.session.runs.lost_gpus import lost_gpus_named
from resnext_bench.session.runs.recording import Recording, Started
from resnext_bench.session.turns.blocks import (
    FEWEST_WHEN_OVER,
    MOST_STEPS,
    Block,
    Lengths,
    alternate,
    block_length,
    most_pairs,
    well_known,
)
from resnext_bench.session.turns.residents import WORKER, Room, resident
from resnext_bench.session.turns.room import (
    gpu_free_gib,
    no_room_told,
    require_room,
    require_shared_memory_for,
    room_is_sought,
)

Order = Literal["ab", "ba"]

TICK_S: Final = 0.5
"""Least time from one tick to the next between blocks that end before their answers are awaited."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """How a duet session is played."""

    pairs: int
    """Pairs of blocks that count; one more pair goes before them."""
    block_steps: int
    """Counted steps of a block, which one dropped step precedes; 0: chosen after warm-up."""
    more: bool
    """Whether more pairs follow while they scatter, for as long as building the sides took."""
    check_memory: bool
    """Whether to build the second side only after the first has shown what it needs."""
    modules: tuple[str, str] = (WORKER, WORKER)
    """What the ranks of each side run."""
    ends_s: float = math.inf
    """When the budget is over, by the monotonic clock: the session ends with the pairs it has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """One duet session."""

    results: tuple[SessionResult, SessionResult]
    """Of a and b; their first `block_steps` steps are the block that does not count."""
    block_steps: int
    use: GpuUse
    quiet_percent: float
    """CPU time of the side without the token, in per cent of its cores, over both sides."""
    started: tuple[Started, Started]


Tick = Callable[[int], None]
"""Called once or twice a second with the number of pairs finished."""


def play(
    a: Recording,
    b: Recording,
    score: Score,
    number: int,
    order: Order,
    tick: Tick,
    so_far: Lengths,
) -> Played:
    """Launch both sides, let them take turns, and end them; `order` says who is first.

    `so_far` is filled with the pairs of blocks as they end, for what a cut session has shown.
    """
    with ExitStack() as stack:
        library = stack.enter_context(nvml.session())
        watch = open_watch(library, sorted({*a.gpu_indices(), *b.gpu_indices()}))
        stack.enter_context(lost_gpus_named(watch))
        watch.note_residents()
        stage = _Stage(stack=stack, score=score, number=number, tick=tick, so_far=so_far)
        stage.build(*((a, b) if order == "ab" else (b, a)), flipped=order == "ba")
        watch.start()
        stage.watch = watch.sample
        steps = score.block_steps or stage.fitting_steps()
        quiet = stage.take_turns(steps)
        use = watch.report().shared()
        first, second = (side.finish() for side in stage.sides)
    results = (first, second) if order == "ab" else (second, first)
    starts = tuple(stage.started) if order == "ab" else tuple(reversed(stage.started))
    return Played(
        results=results,
        block_steps=steps,
        use=use,
        quiet_percent=quiet,
        started=(starts[0], starts[1]),
    )


@dataclass(kw_only=True, slots=True)
class _Stage:
    """Both sides in the order in which they play: the first one of each ABBA quad stands first."""

    stack: ExitStack
    score: Score
    number: int
    tick: Tick
    so_far: Lengths = field(default_factory=list)
    watch: Callable[[], None] = lambda: None
    sides: list[Resident] = field(default_factory=list)
    started: list[Started] = field(default_factory=list)
    warm_ns: list[int] = field(default_factory=list)
    cores: int = 1
    """That a side has."""
    may_be_short: bool = False
    """Whether blocks may be as short as `SHORT_STEPS`."""
    start: float = field(default_factory=time.monotonic)
    blocks: int = 0
    waiting_s: float = 0.0
    waiting_cpu_s: float = 0.0
    ticked_s: float = -math.inf

    def build(self, first: Recording, second: Recording, *, flipped: bool) -> None:
        """Start both sides and let each warm up, alone: cuDNN chooses its plans there."""
        with no_room_told():
            require_shared_memory_for(first, second)
        modules = self.score.modules[::-1] if flipped else self.score.modules
        free = gpu_free_gib(first.gpu_indices())
        self.cores = sum(len(place.cores) for place in first.topology.places)
        self.may_be_short = may_be_short(first.config, second.config)
        self._launch(first, modules[0])
        if self.score.check_memory:
            self._await(0)
            self._warm_up(0)
            require_room(self.sides[0], first, second, free)
        with room_is_sought() if self.score.check_memory else nullcontext():
            self._launch(second, modules[1])
            for index in range(len(self.warm_ns), 2):
                self._await(index)
            for index in range(len(self.warm_ns), 2):
                self._warm_up(index)

    def fitting_steps(self) -> int:
        """Steps of a block, from how long the slower side's step is."""
        return block_length(max(self.warm_ns), may_be_short=self.may_be_short)

    @property
    def most_pairs(self) -> int:
        """Pairs of blocks that may count."""
        if not self.score.more:
            return self.score.pairs
        return most_pairs(self.score.pairs, self.score.block_steps or MOST_STEPS)

    def take_turns(self, steps: int) -> float:
        """Play all blocks; return how busy the waiting side was, in per cent of its cores.

        More pairs than asked for are played while their median is not well known and they have
        taken less time than building both sides did: time shared out alike between launches and
        blocks is at most twice what the best division would take, whichever of the two varies more.
        """
        self.ticked_s = -math.inf  # the first block is watched, as there may be time for no other
        first, second = self.sides
        blocks = (self._block(first, second, steps), self._block(second, first, steps))
        built, begun = time.monotonic() - self.start, time.monotonic()

        def more(lengths: Lengths) -> bool:
            counted = len(lengths) - 1
            if not self.score.more or counted >= self.most_pairs:
                return False
            # Whole quads: an odd pair would leave the cost of being second with one side.
            short = time.monotonic() - begun < built
            return counted % 2 == 1 or (short and not well_known(lengths[1:]))

        def over(lengths: Lengths) -> bool:
            counted = len(lengths) - 1
            whole = counted >= FEWEST_WHEN_OVER and counted % 2 == 0
            return whole and time.monotonic() > self.score.ends_s

        alternate(*blocks, 1 + self.score.pairs, more, over, self.so_far)
        return 100 * self.waiting_cpu_s / (self.waiting_s * self.cores)

    def _launch(self, run: Recording, module: str) -> None:
        block = 1 + (self.score.block_steps or MOST_STEPS)
        room = Room(steps=(1 + self.most_pairs) * block, block=block)
        self.started.append(
            Started(at=datetime.now(UTC), launch_s=time.monotonic(), load_1min=load_1min())
        )
        with undisturbed():  # from its first process on it must be known to the stack
            side = resident(run, self.number, room, module)
            self.sides.append(self.stack.enter_context(side))

    def _await(self, index: int) -> None:
        """Until it is built. Ranks that are built sleep while the other side's build."""
        begun = self.started[index]
        self.sides[index].answer(self.sides, self._ticked)
        took = time.monotonic() - begun.launch_s
        self.started[index] = msgspec.structs.replace(begun, launch_s=took)

    def _warm_up(self, index: int) -> None:
        side = self.sides[index]
        side.give(tokens.WARM_UP)
        self.warm_ns.append(side.answer(self.sides, self._ticked))

    def _block(self, side: Resident, other: Resident, steps: int) -> Block:
        def block() -> float:
            cpu_s, start = other.cpu_s(), time.monotonic()
            side.give(steps)
            due = self._is_due()
            if due:
                self.watch()  # not between blocks, when a GPU is idle and its clocks say nothing
            length_ns = side.answer(self.sides, self._ticked)
            self.blocks += 1
            if due:
                self._tell()
            if self.blocks > 2:  # in the first pair loaders still fill their queues
                self.waiting_s += time.monotonic() - start
                self.waiting_cpu_s += other.cpu_s() - cpu_s
            return length_ns / 1e9

        return block

    def _is_due(self) -> bool:
        """Whether half a second has passed unnoticed, as blocks were too short to wait for."""
        now = time.monotonic()
        due = now - self.ticked_s >= TICK_S
        self.ticked_s = now if due else self.ticked_s
        return due

    def _ticked(self) -> None:
        self.ticked_s = time.monotonic()
        self.watch()
        self._tell()

    def _tell(self) -> None:
        self.tick(max(0, self.blocks // 2 - 1))


def may_be_short(*configs: RunConfig) -> bool:
    """Whether nothing but the ranks' own work is different after a pause; see `SHORT_STEPS`."""
    return all(one.device == "cpu" and one.pipeline == "synthetic" for one in configs)
