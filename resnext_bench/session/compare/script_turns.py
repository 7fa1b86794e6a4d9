"""One session of two scripts that take turns, block by block, as configurations do in a duet.

Nothing is known of a script but that it calls `resnext_bench.step()`: it runs as long as it likes.
So turns go on until one side takes no more steps; then both run on freely to their ends.
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
"""Pairs of blocks that a session must have to count, one more going before them."""
LEAST_WARM_UP: Final = 10
HURRIED: Final = 0.8
"""Steps in blocks that take less than this share of steps without pauses: the pause fed them."""

Tick = Callable[[int], None]
"""Called once or twice a second with the number of pairs finished."""


class NoTurns(Advised, CannotHere):
    """Both scripts cannot take turns here; launched in turn they can be compared."""


class NeverCalled(NoTurns):
    """A script does not know of turns, so nobody has asked for any."""

    def __init__(self) -> None:
        super().__init__(
            "it never called resnext_bench.step(): call it at the end of each step of your script, "
            "after the device has been waited for, or use --design relaunch"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How turns are taken."""

    warm_up: int
    """Steps of each side before its first block."""
    block_steps: int
    """Counted steps of a block, which one dropped step precedes."""
    most_pairs: int = MOST_PAIRS
    """Pairs of blocks that count."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Turns:
    """What was played, in the order of the sides given."""

    pairs: int
    """Complete pairs that count, an even number; one more went before them."""
    quiet_percent: float
    """CPU time of the side without the token, in per cent of the cores."""


def planned(step_ms: NDArray[np.float64], cut: int, *, block_steps: int = 0) -> Plan | None:
    """From the steps [n] of one launch; None where they are too few for turns."""
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
    """Steps that a launch must have for turns."""
    if block_steps:
        return LEAST_WARM_UP + (1 + FEWEST_TURNS) * (1 + block_steps)
    return LEAST_WARM_UP + (1 + FEWEST_PAIRS) * (1 + FEWEST_STEPS)


def counted_steps(step_ns: Sequence[int], plan: Plan, pairs: int) -> NDArray[np.int64]:
    """The counted steps of a side's blocks, the uncounted block first: [(1 + pairs) * steps]."""
    block = 1 + plan.block_steps
    rows = np.array(step_ns[plan.warm_up :][: (1 + pairs) * block], dtype=np.int64)
    return rows.reshape(1 + pairs, block)[:, 1:].ravel()


def hurry(step_ns: Sequence[int], plan: Plan, pairs: int) -> float:
    """Steps in blocks over the later half of warm-up, which had no pauses.

    By means and by medians, whichever says less: warm-up is short, and a burst of the machine's in
    it is no loader.
    """
    blocks = counted_steps(step_ns, plan, pairs)[plan.block_steps :]
    alone = step_ns[plan.warm_up // 2 : plan.warm_up]
    return float(max(blocks.mean() / np.mean(alone), np.median(blocks) / np.median(alone)))


def take_turns(
    sides: tuple[TurningScript, TurningScript],
    plan: Plan,
    ends_s: float,
    gpus: int,
    tick: Tick,
) -> Turns:
    """Start both, let them take turns until one has no more steps, and let both end by themselves.

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
        _release(sides, ends_s, lambda: tick(_counted(played)))
    return Turns(pairs=_counted(played), quiet_percent=stage.quiet_percent)


def _counted(played: Lengths) -> int:
    """Whole quads: an odd pair would leave the cost of being second with one side."""
    whole = len(played) - 1
    return max(0, whole - whole % 2)


def _release(
    sides: tuple[TurningScript, TurningScript], ends_s: float, tick: Callable[[], None]
) -> None:
    """Let both run on freely to their ends: nobody waits for a turn any more."""
    for side in sides:
        side.give(tokens.END)
    for side in sides:
        code = side.script.wait(ends_s - time.monotonic(), tick)
        if code is None:
            raise TooLong(side.name)
        if code:
            raise Left(side.name, code)
