"""A stage: sides that are built once, stay alive and take turns in blocks of steps.

What the machine does to one side it does a moment later to the others, so their ratios are far less
noisy than any of them. Sides without the token must not disturb: their use of the CPU is measured.
Nothing here depends on what a side is: duets and rounds put our own ranks on the stage, and users'
scripts and calls of this process take turns on it as well.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Final, Generic, Protocol, Self, TypeVar

import msgspec

from resnext_bench import tokens
from resnext_bench.machine.host.cores import load_1min
from resnext_bench.machine.host.process import undisturbed
from resnext_bench.session.recording import Started
from resnext_bench.session.turns.blocks import Judge, Lengths, in_turn, never

TICK_S: Final = 0.5
"""Least time between ticks where blocks end before their answers are awaited."""


class Side(Protocol):
    """One that takes turns: it works only while it holds the token."""

    def __enter__(self) -> Self:
        """Start the side."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the side, whatever it does."""

    def give(self, token: int) -> None:
        """Pass the token: the steps of a block with its flags, or a word of `tokens`."""

    def answer(self, sides: Sequence[Any], tick: Callable[[], None]) -> int:
        """Wait until it gives the token back with a word; for a block, this is its length in ns.

        All `sides` must stay alive meanwhile. `tick` is called about twice a second.
        """

    def cpu_s(self) -> float:
        """Return the CPU time of all its processes so far, s."""


S = TypeVar("S", bound=Side)


class InProcess:
    """A side that is a call in this process: it blocks everything else during its turn."""

    def __init__(self, block_s: Callable[[int], float]) -> None:
        """Make a side of `block_s`, which does a block of steps and returns its length, s."""
        self._block_s = block_s
        self._steps = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave what it holds to its creator."""

    def give(self, token: int) -> None:
        """Remember how many steps the block has."""
        self._steps = token

    def answer(self, sides: Sequence[Any], tick: Callable[[], None]) -> int:
        """Do the block, and return its length, ns."""
        return round(1e9 * self._block_s(self._steps))

    def cpu_s(self) -> float:
        """Return 0: without the token it does nothing."""
        return 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What a side does in its turn."""

    side: int
    """The index of the side on the stage."""
    steps: int
    flags: int = 0
    """Flags of its token."""


Flags = Callable[[int, Sequence[float]], int]
"""Returns more flags of a token from the index of a turn and the length of the last block of each
turn, s; asked once all have had one.
"""


def _nothing() -> None:
    """Do nothing: nothing is watched."""


@dataclass(kw_only=True, slots=True)
class Stage(Generic[S]):
    """Sides in the order of the first round."""

    stack: ExitStack
    """The stack that ends them."""
    cores: int
    """Cores that a side has: waiting sides' use of the CPU is given in per cent of these."""
    tell: Callable[[int], None] = lambda blocks: None
    """Called once or twice a second with the number of finished blocks."""
    watch: Callable[[], None] = _nothing
    """Called once or twice a second while a side works."""
    clock: Callable[[], float] = time.monotonic
    sides: list[S] = field(default_factory=list)
    started: list[Started] = field(default_factory=list)
    warm_ns: list[int] = field(default_factory=list)
    """Each side's answer to its warm-up: for our own ranks a step, ns."""
    blocks: int = 0
    _in_a_round: int = 0
    _last_s: dict[int, float] = field(default_factory=dict)
    _waited_s: float = 0.0
    _waiting_cpu_s: float = 0.0
    _ticked_s: float = -math.inf

    def build(self, *starts: Callable[[], S], warm_up: int = tokens.WARM_UP) -> None:
        """Start more sides at once, and let them warm up one after another.

        None warms up while another one is built: kernels are chosen in warm-up, and under the load
        of a build they would be others. Sides that are built sleep while others are.
        """
        places = range(len(self.sides), len(self.sides) + len(starts))
        for start in starts:
            at, load, clock = datetime.now(UTC), load_1min(), self.clock()
            self.started.append(Started(at=at, launch_s=clock, load_1min=load))
            with undisturbed():  # from its first process on it must be known to the stack
                side = start()
                self.stack.enter_context(side)
            self.sides.append(side)
        for place in places:
            self._answer(place)
            took = self.clock() - self.started[place].launch_s
            self.started[place] = msgspec.structs.replace(self.started[place], launch_s=took)
        for place in places:
            self.sides[place].give(warm_up)
            self.warm_ns.append(self._answer(place))

    def take_turns(
        self,
        turns: Sequence[Turn],
        rounds: int,
        *,
        more: Judge = never,
        over: Judge = never,
        so_far: Lengths | None = None,
        flags: Flags = lambda place, last_s: 0,
    ) -> Lengths:
        """Run a block of every turn in each round, as `in_turn` does; return their lengths, s."""
        self._ticked_s = -math.inf  # the first block is watched: there may be time for no other
        self._in_a_round = len(turns)
        blocks = [partial(self._play, place, turn, flags) for place, turn in enumerate(turns)]
        return in_turn(blocks, rounds, more=more, over=over, so_far=so_far)

    @property
    def quiet_percent(self) -> float:
        """Return how busy all waiting sides were, in per cent of the cores of one.

        The first round, in which loaders still fill their queues, is left out.
        """
        return 100 * self._waiting_cpu_s / max(self._waited_s * self.cores, 1e-9)

    def _play(self, place: int, turn: Turn, flags: Flags) -> float:
        side = self.sides[turn.side]
        others = [other for other in self.sides if other is not side]
        cpu_s, start = sum(other.cpu_s() for other in others), self.clock()
        side.give(turn.steps + turn.flags + self._more_flags(place, flags))
        due = self._is_due()
        if due:
            self.watch()  # not between blocks, when a GPU is idle and its clocks say nothing
        length_s = self._answer(turn.side) / 1e9
        self.blocks += 1
        self._last_s[place] = length_s
        if due:
            self.tell(self.blocks)
        if self.blocks > self._in_a_round:
            self._waited_s += self.clock() - start
            self._waiting_cpu_s += sum(other.cpu_s() for other in others) - cpu_s
        return length_s

    def _more_flags(self, place: int, flags: Flags) -> int:
        if len(self._last_s) < self._in_a_round:
            return 0
        return flags(place, [self._last_s[each] for each in range(self._in_a_round)])

    def _answer(self, place: int) -> int:
        return self.sides[place].answer(self.sides, self._tick)

    def _is_due(self) -> bool:
        """Return whether a tick is due, as blocks were too short to wait for."""
        now = self.clock()
        due = now - self._ticked_s >= TICK_S
        self._ticked_s = now if due else self._ticked_s
        return due

    def _tick(self) -> None:
        self._ticked_s = self.clock()
        self.watch()
        self.tell(self.blocks)
