"""One session of two scripts that take turns block by block, as configurations do in a duet.

All that is known of a script is that it calls `resnext_bench.step()`: it runs as long as it likes.
So turns continue until one side takes no more steps; then both run freely to their ends.
"""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench import tokens
from resnext_bench.errors import Advised, CannotHere
from resnext_bench.launch.turning import Left, TooLong, TurningScript
from resnext_bench.session.turns.blocks import (
    BLOCK_S,
    FEWEST_PAIRS,
    FEWEST_STEPS,
    MOST_PAIRS,
    MOST_STEPS,
    Lengths,
)
from resnext_bench.session.turns.room import Free, lack_beside
from resnext_bench.session.turns.stage import Stage, Turn

FEWEST_TURNS: Final = 4
"""Fewest pairs of blocks of a session that counts, after a first pair that does not."""
LEAST_WARM_UP: Final = 10
HURRIED: Final = 0.8
"""Share of a step without pauses below which the pauses have sped up steps in blocks."""

Tick = Callable[[int], None]
"""Called once or twice a second with the number of pairs finished."""


class NoTurns(Advised, CannotHere):
    """The scripts cannot take turns here; launched in turn they can be compared."""


class NeverCalled(NoTurns):
    """A script never calls `step()`, so it has not asked for turns."""

    def __init__(self) -> None:
        super().__init__(
            "it never called resnext_bench.step(): call it at the end of each step of your "
            "script, after waiting for the device, or use --design relaunch"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How turns are taken."""

    warm_up: int
    """Steps of each side before its first block."""
    block_steps: int
    """Counted steps of a block, after one dropped step."""
    most_pairs: int = MOST_PAIRS
    """Most counted pairs of blocks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Turns:
    """What was measured, in the order of the sides given."""

    pairs: int
    """Complete counted pairs, an even number, after one that does not count."""
    quiet_percent: float
    """CPU time of the side without the token, in per cent of the cores."""


def planned(step_ms: NDArray[np.float64], cut: int, *, block_steps: int = 0) -> Plan | None:
    """Plan turns from the steps [n] of one launch; None where they are too few."""
    warm_up = max(cut, LEAST_WARM_UP)
    each = (len(step_ms) - warm_up) // (1 + FEWEST_PAIRS)
    if block_steps:
        each = (len(step_ms) - warm_up) // (1 + FEWEST_TURNS)
        return Plan(warm_up=warm_up, block_steps=block_steps) if each > block_steps else None
    if each - 1 < FEWEST_STEPS:
        return None
    fitting = ceil(1e3 * BLOCK_S / float(np.median(step_ms[cut:])))
    steps = min(max(fitting, FEWEST_STEPS), each - 1, MOST_STEPS)
    return Plan(warm_up=warm_up, block_steps=steps)


def fewest_steps(block_steps: int = 0) -> int:
    """Return the fewest steps of a launch that takes turns."""
    if block_steps:
        return LEAST_WARM_UP + (1 + FEWEST_TURNS) * (1 + block_steps)
    return LEAST_WARM_UP + (1 + FEWEST_PAIRS) * (1 + FEWEST_STEPS)


def counted_steps(step_ns: Sequence[int], plan: Plan, pairs: int) -> NDArray[np.int64]:
    """Return the steps of a side's blocks, the uncounted block first: [(1 + pairs) * steps]."""
    block = 1 + plan.block_steps
    rows = np.array(step_ns[plan.warm_up :][: (1 + pairs) * block], dtype=np.int64)
    return rows.reshape(1 + pairs, block)[:, 1:].ravel()


def hurry(step_ns: Sequence[int], plan: Plan, pairs: int) -> float:
    """Return steps in blocks relative to the later half of warm-up, which had no pauses.

    The smaller effect of means and medians is taken: warm-up is short, and a burst of the machine
    in it is not a loader.
    """
    blocks = counted_steps(step_ns, plan, pairs)[plan.block_steps :]
    alone = step_ns[plan.warm_up // 2 : plan.warm_up]
    return float(max(blocks.mean() / np.mean(alone), np.median(blocks) / np.median(alone)))


def take_turns(
    sides: tuple[TurningScript, TurningScript],
    plan: Plan,
    gpus: int,
    tick: Tick,
) -> Turns:
    """Start both, let them take turns until one has no more steps, and let both finish.

    The first one begins each ABBA quad. Raises NoTurns where they cannot, and Left or TooLong as
    sides do; whatever happens, nothing of them is left.
    """
    played: Lengths = []
    with ExitStack() as stack:
        stage: Stage[TurningScript] = Stage(
            stack=stack,
            cores=len(os.sched_getaffinity(0)),
            tell=lambda blocks: tick(_counted(played)),
        )
        before = Free.look(range(gpus))
        stage.build(lambda: sides[0], warm_up=plan.warm_up)
        if lack := lack_beside(sides[0].script.pids, before):
            raise NoTurns(lack, "use --design relaunch")
        stage.build(lambda: sides[1], warm_up=plan.warm_up)
        try:
            block = 1 + plan.block_steps
            turns = [Turn(side=0, steps=block), Turn(side=1, steps=block)]
            stage.take_turns(turns, 1 + plan.most_pairs, so_far=played)
        except Left as left:
            if left.code:
                raise
        _release(sides, lambda: tick(_counted(played)))
    return Turns(pairs=_counted(played), quiet_percent=stage.quiet_percent)


def _counted(played: Lengths) -> int:
    """Return whole quads: an odd pair would leave the cost of being second with one side."""
    whole = len(played) - 1
    return max(0, whole - whole % 2)


def _release(sides: tuple[TurningScript, TurningScript], tick: Callable[[], None]) -> None:
    """Let both run freely to their ends, without turns."""
    for side in sides:
        side.give(tokens.END)
    for side in sides:
        code = side.script.wait(side.ends_s - time.monotonic(), tick)
        if code is None:
            raise TooLong(side.name)
        if code:
            raise Left(side.name, code)
