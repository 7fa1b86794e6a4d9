"""Many sides that stay resident and take turns, so that all meet the same moments of the machine.

A duet of more than two: for tables in which each line is compared with one of them. One launch of
all sides is one observation.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from resnext_bench import tokens
from resnext_bench.launch.resident import Resident
from resnext_bench.machine.host.process import undisturbed
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.session.runs.recording import Recording
from resnext_bench.session.turns.blocks import MOST_STEPS, Block, block_length, in_rounds
from resnext_bench.session.turns.residents import Room, resident
from resnext_bench.session.turns.room import require_shared_memory_for


@dataclass(frozen=True, kw_only=True, slots=True)
class Rounds:
    """One session of all sides."""

    step_ms: tuple[tuple[float, ...], ...]
    """Mean step of each side's block [rounds][sides], without the round that does not count; last
    come the turns of another kind."""
    block_steps: tuple[int, ...]
    """Counted steps of a block of each side."""
    results: tuple[SessionResult, ...]
    """Of each side; their first `block_steps` steps are those of the round that does not count."""
    quiet_percent: float
    """CPU time of the waiting sides together, in per cent of the cores of one."""
    built_s: tuple[float, ...]
    """From the start of each side's processes to its first warm-up step."""


Tell = Callable[[str, int, int], None]
"""Called with what is being done, how many of it are done, and of how many."""


Full = Callable[[Sequence[float]], Sequence[int]]
"""Given the last ms/step of every side, those that begin with all the batches their loaders made
in the pause: right where a loader is ahead of training, as its queue is then full all along. Turns
of another kind come after all sides."""


def play_rounds(
    runs: Sequence[Recording],
    number: int,
    *,
    rounds: int,
    block_steps: int = 0,
    also: Sequence[tuple[int, int]] = (),
    tell: Tell,
    begin: Callable[[], None] = lambda: None,
    watch: Callable[[], None] = lambda: None,
    full: Full = lambda _: (),
) -> Rounds:
    """Build all sides one after another, let them take turns, and end them.

    `rounds` is even, so that every side stands as often early as late; one more round goes before
    them and does not count. Without `block_steps` each side's blocks last about a second. `also`
    are turns of another kind, as the place of a side and flags of its token. `begin` is called
    before the first block, `watch` about twice a second while blocks are played.
    """
    if rounds < 2 or rounds % 2:
        raise ValueError(f"rounds is {rounds}; an even number from 2 on is needed")
    require_shared_memory_for(*runs)
    most = block_steps or MOST_STEPS
    # Steps of another kind are not kept, but the last ones of them come after all that are.
    room = Room(steps=(1 + rounds + bool(also)) * (1 + most), block=1 + most)
    with ExitStack() as stack:
        sides: list[Resident] = []
        steps: list[int] = []
        built: list[float] = []
        for done, run in enumerate(runs):
            tell("building sides", done, len(runs))
            start = time.monotonic()
            with undisturbed():
                sides.append(stack.enter_context(resident(run, number, room)))
            sides[-1].answer(sides, _nothing)
            built.append(time.monotonic() - start)
            sides[-1].give(tokens.WARM_UP)
            warm_ns = sides[-1].answer(sides, _nothing)
            steps.append(block_steps or block_length(warm_ns, may_be_short=False))
        begin()
        played = [_Turn(side=side, steps=each) for side, each in zip(sides, steps, strict=True)]
        played += [replace(played[place], flags=flags) for place, flags in also]
        turns = _Turns(
            sides=sides,
            turns=played,
            tell=tell,
            watch=watch,
            full=full,
            total=len(played) * (1 + rounds),
        )
        lengths = in_rounds([turns.block(place) for place in range(len(played))], 1 + rounds)
        results = tuple(side.finish() for side in sides)
    cores = sum(len(place.cores) for place in runs[0].topology.places)
    return Rounds(
        step_ms=tuple(
            tuple(1e3 * took / turn.steps for took, turn in zip(row, played, strict=True))
            for row in lengths[1:]
        ),
        block_steps=tuple(steps),
        results=results,
        quiet_percent=100 * turns.waiting_cpu_s / (turns.waited_s * cores),
        built_s=tuple(built),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Turn:
    """What a side does when it is its turn."""

    side: Resident
    steps: int
    flags: int = 0
    """Of its token."""


@dataclass(kw_only=True, slots=True)
class _Turns:
    """Blocks, and what the others use of the CPU meanwhile."""

    sides: Sequence[Resident]
    turns: Sequence[_Turn]
    tell: Tell
    watch: Callable[[], None]
    full: Full
    total: int
    blocks: int = 0
    waited_s: float = 0.0
    waiting_cpu_s: float = 0.0
    last_ms: dict[int, float] = field(default_factory=dict)

    def block(self, place: int) -> Block:
        """What plays one block of a turn."""
        turn = self.turns[place]
        side = turn.side
        others = [other for other in self.sides if other is not side]

        def played() -> float:
            cpu_s, start = sum(other.cpu_s() for other in others), time.monotonic()
            side.give(turn.steps + turn.flags + (tokens.FULL if self._is_full(place) else 0))
            length_ns = side.answer(self.sides, self.watch)
            self.last_ms[place] = length_ns / 1e6 / turn.steps
            self.blocks += 1
            self.tell("blocks in turn", self.blocks, self.total)
            if self.blocks > len(self.turns):  # in the first round loaders still fill their queues
                self.waited_s += time.monotonic() - start
                self.waiting_cpu_s += sum(other.cpu_s() for other in others) - cpu_s
            return length_ns / 1e9

        return played

    def _is_full(self, place: int) -> bool:
        """Only once all sides are known."""
        if len(self.last_ms) < len(self.turns):
            return False
        return place in self.full([self.last_ms[each] for each in range(len(self.turns))])


def _nothing() -> None:
    """Nobody watches."""
