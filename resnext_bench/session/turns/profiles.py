"""Profiles of two sides, taken in turn: while one is profiled, the other one sleeps.

The sides are built for it, as those of a session end with it; each takes a few steps, waits for its
turn, and profiles some more. Sides that memory cannot hold at once are built one after another.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

from resnext_bench import tokens
from resnext_bench.launch.resident import Resident
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.session.setup import Setup
from resnext_bench.session.turns.residents import MEANS, Means, Room
from resnext_bench.session.turns.stage import Stage, Turn

STEPS_BEFORE: Final = 2
"""Steps of a block before the profile, which prove that the side trains."""

Tell = Callable[[str, int, int], None]
"""Called with the activity, how many sides are done, and of how many."""


def play_profiles(
    sides: Sequence[tuple[Setup, str]],
    number: int,
    *,
    steps: int,
    together: bool,
    tell: Tell,
    means: Means = MEANS,
) -> tuple[SessionResult, ...]:
    """Profile `steps` steps of each side; return what they hand over, in their order.

    A side is a setup and the module that its ranks run. `together`: they are resident at once.
    """
    if together:
        return _played(sides, number, steps, tell, (0, len(sides)), means)
    return tuple(
        result
        for place, side in enumerate(sides)
        for result in _played([side], number, steps, tell, (place, len(sides)), means)
    )


def _played(
    sides: Sequence[tuple[Setup, str]],
    number: int,
    steps: int,
    tell: Tell,
    place: tuple[int, int],
    means: Means,
) -> tuple[SessionResult, ...]:
    """Build these sides, and profile them in turn; `place`: how many were before, and of all."""
    before, total = place
    room = Room(steps=1 + STEPS_BEFORE, block=1 + STEPS_BEFORE)
    with ExitStack() as stack:
        stage: Stage[Resident] = Stage(stack=stack, cores=sides[0][0].cores, clock=means.clock)
        tell("building the sides to be profiled", before, total)
        stage.build(*(partial(means.build, run, number, room, module) for run, module in sides))
        for side in range(len(sides)):
            stage.take_turns([Turn(side=side, steps=STEPS_BEFORE)], 1)
            tell("profiling", before + side, total)
            stage.take_turns([Turn(side=side, steps=steps, flags=tokens.PROFILE)], 1)
        tell("profiling", before + len(sides), total)
        return tuple(one.finish() for one in stage.sides)
