"""Many sides that stay resident and take turns, so that all meet the same moments of the machine.

A duet of more than two: for tables in which each line is compared with one of them. One launch of
all sides is one observation.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bench import tokens
from bench.launch.resident import Resident
from bench.machine.process import undisturbed
from bench.session.blocks import Block, in_rounds
from bench.session.recording import Recording
from bench.session.residents import Room, resident
from reports.schema.samples import SessionResult


@dataclass(frozen=True, kw_only=True, slots=True)
class Rounds:
    """One session of all sides."""

    step_ms: tuple[tuple[float, ...], ...]
    """Mean step of each side's block [rounds][sides], without the round that does not count."""
    results: tuple[SessionResult, ...]
    quiet_percent: float
    """CPU time of the waiting sides together, in per cent of the cores of one."""


Tell = Callable[[str], None]


def play_rounds(
    runs: Sequence[Recording], number: int, *, rounds: int, block_steps: int, tell: Tell
) -> Rounds:
    """Build all sides one after another, let them take turns, and end them.

    `rounds` is even, so that every side stands as often early as late; one more round goes before
    them and does not count.
    """
    if rounds < 2 or rounds % 2:
        raise ValueError(f"rounds is {rounds}; an even number from 2 on is needed")
    room = Room(steps=(1 + rounds) * (1 + block_steps), block=1 + block_steps)
    with ExitStack() as stack:
        sides: list[Resident] = []
        for run in runs:
            tell(f"building {run.config.model}")
            with undisturbed():
                sides.append(stack.enter_context(resident(run, number, room)))
            sides[-1].answer(sides, _nothing)
            sides[-1].give(tokens.WARM_UP)
            sides[-1].answer(sides, _nothing)
        turns = _Turns(sides=sides, steps=block_steps, tell=tell)
        lengths = in_rounds([turns.block(side) for side in sides], 1 + rounds)
        results = tuple(side.finish() for side in sides)
    cores = sum(len(place.cores) for place in runs[0].topology.places)
    return Rounds(
        step_ms=tuple(tuple(1e3 * took / block_steps for took in row) for row in lengths[1:]),
        results=results,
        quiet_percent=100 * turns.waiting_cpu_s / (turns.waited_s * cores),
    )


@dataclass(kw_only=True, slots=True)
class _Turns:
    """Blocks, and what the others use of the CPU meanwhile."""

    sides: Sequence[Resident]
    steps: int
    tell: Tell
    blocks: int = 0
    waited_s: float = 0.0
    waiting_cpu_s: float = 0.0

    def block(self, side: Resident) -> Block:
        """What plays one block of a side."""
        others = [other for other in self.sides if other is not side]

        def played() -> float:
            cpu_s, start = sum(other.cpu_s() for other in others), time.monotonic()
            side.give(self.steps)
            length_ns = side.answer(self.sides, _nothing)
            self.blocks += 1
            self.tell(f"block {self.blocks}")
            if self.blocks > len(self.sides):  # in the first round loaders still fill their queues
                self.waited_s += time.monotonic() - start
                self.waiting_cpu_s += sum(other.cpu_s() for other in others) - cpu_s
            return length_ns / 1e9

        return played


def _nothing() -> None:
    """Nobody watches."""
