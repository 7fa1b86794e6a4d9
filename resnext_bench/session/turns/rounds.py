"""Many sides that stay resident and take turns, so that all see the same moments of the machine.

This is a duet of more than two, for tables in which each line is compared with one of them. One
launch of all sides is one observation.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from resnext_bench import tokens
from resnext_bench.launch.resident import Resident
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.session.setup import Setup
from resnext_bench.session.turns.blocks import MOST_STEPS, block_length
from resnext_bench.session.turns.residents import MEANS, WORKER, Means, Room
from resnext_bench.session.turns.room import require_shared_gpus, require_shared_memory_for
from resnext_bench.session.turns.stage import Stage, Turn


@dataclass(frozen=True, kw_only=True, slots=True)
class Rounds:
    """One session of all sides."""

    step_ms: tuple[tuple[float, ...], ...]
    """Mean step of each side's block [rounds][sides], without the round that does not count; turns
    of another kind come last.
    """
    block_steps: tuple[int, ...]
    """Counted steps of a block of each side."""
    results: tuple[SessionResult, ...]
    """Results of each side; the first `block_steps` steps are of the round that does not count."""
    quiet_percent: float
    """CPU time of the waiting sides together, in per cent of the cores of one."""
    built_s: tuple[float, ...]
    """Seconds from the start of each side's processes to its first warm-up step."""


Tell = Callable[[str, int, int], None]
"""Called with the activity, how many items are done, and of how many."""


Full = Callable[[Sequence[float]], Sequence[int]]
"""Returns, from the last ms/step of every side, the sides that begin with all the batches their
loaders made in the pause. That is right where a loader is ahead of training, as its queue is then
always full. Turns of another kind come after all sides.
"""


def play_rounds(
    runs: Sequence[Setup],
    number: int,
    *,
    rounds: int,
    block_steps: int = 0,
    also: Sequence[tuple[int, int]] = (),
    tell: Tell,
    begin: Callable[[], None] = lambda: None,
    watch: Callable[[], None] = lambda: None,
    full: Full = lambda _: (),
    first: Callable[[Sequence[int]], None] = lambda pids: None,
    means: Means = MEANS,
) -> Rounds:
    """Build all sides one after another, let them take turns, and end them.

    `rounds` is even, so that every side stands as often early as late; one more round goes before
    them and does not count. Without `block_steps` each side's blocks last about a second. `also`
    are turns of another kind, as the place of a side and flags of its token. `begin` is called
    before the first block, `watch` about twice a second while blocks are played. `first` is told
    the processes of the first side once it has warmed up, and may refuse the others.
    """
    if rounds < 2 or rounds % 2:
        raise ValueError(f"rounds is {rounds}; an even number from 2 on is needed")
    require_shared_gpus(*runs)
    require_shared_memory_for(*runs)
    most = block_steps or MOST_STEPS
    # Steps of another kind are not kept, but the last ones of them come after all that are.
    room = Room(steps=(1 + rounds + bool(also)) * (1 + most), block=1 + most)
    with ExitStack() as stack:
        stage: Stage[Resident] = Stage(stack=stack, cores=runs[0].cores, clock=means.clock)
        for done, run in enumerate(runs):
            tell("building sides", done, len(runs))
            stage.build(partial(means.build, run, number, room, WORKER))
            if not done:
                first(stage.sides[0].processes.pids)
        begin()
        turns = _turns(stage.warm_ns, block_steps, also)
        total = len(turns) * (1 + rounds)
        stage.watch, stage.tell = watch, lambda blocks: tell("blocks in turn", blocks, total)
        lengths = stage.take_turns(turns, 1 + rounds, flags=_fullness(full, turns))
        tell("blocks in turn", total, total)
        results = tuple(side.finish() for side in stage.sides)
    return Rounds(
        step_ms=tuple(_step_ms(row, turns) for row in lengths[1:]),
        block_steps=tuple(turn.steps for turn in turns[: len(runs)]),
        results=results,
        quiet_percent=stage.quiet_percent,
        built_s=tuple(started.launch_s for started in stage.started),
    )


def _turns(warm_ns: Sequence[int], block_steps: int, also: Sequence[tuple[int, int]]) -> list[Turn]:
    """Return a turn of each side, of about a second where no length is given, and the others."""
    turns = [
        Turn(side=place, steps=block_steps or block_length(one_ns, may_be_short=False))
        for place, one_ns in enumerate(warm_ns)
    ]
    return turns + [replace(turns[place], flags=flags) for place, flags in also]


def _step_ms(block_s: Sequence[float], turns: Sequence[Turn]) -> tuple[float, ...]:
    """Return the mean step of each turn's block."""
    return tuple(1e3 * took / turn.steps for took, turn in zip(block_s, turns, strict=True))


def _fullness(full: Full, turns: Sequence[Turn]) -> Callable[[int, Sequence[float]], int]:
    """Return the flag of turns that begin with a full queue."""

    def flags(place: int, last_s: Sequence[float]) -> int:
        return tokens.FULL if place in full(_step_ms(last_s, turns)) else 0

    return flags
