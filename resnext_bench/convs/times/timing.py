"""Times operations of convolutions in turn, without torch: processes of their own hold it.

All sides of a group – layouts, types and settings of one problem – take turns block by block on
the stage, so that what the machine does to one it does a moment later to the others: the samples of
a round are paired.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from resnext_bench.config.answers import is_installed
from resnext_bench.config.resolve import resolve
from resnext_bench.convs.times.sides import Built, Facts, Timed, TimedSide
from resnext_bench.convs.times.timers import Child, Children, Ended, Lost, Seat, TimerSide
from resnext_bench.errors import CannotHere, Interrupted
from resnext_bench.machine.division import cores_of_ranks
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.schema.config import Request
from resnext_bench.session.turns.blocks import Lengths
from resnext_bench.session.turns.stage import Stage, Turn

Tell = Callable[[str, int, int], None]
"""Called with the activity, how many items are done, and of how many."""
Learn = Callable[[Facts], None]
BACK: Final = 2
"""Rounds, forth and back, that give every side the same mean place."""


def time_in_turn(
    groups: Sequence[Sequence[TimedSide]],
    *,
    rounds: int,
    block_s: float,
    tell: Tell,
    threads: int | None = None,
    learn: Learn = lambda facts: None,
    so_far: list[list[Timed]] | None = None,
    start: Callable[[Seat, str], Child] = Child,
) -> list[list[Timed]]:
    """Return what was found of each side, in the order given; the sides of a group take turns.

    `rounds` is even, so that every side stands as often early as late; one more goes before them
    and does not count. Blocks last about `block_s` each. `threads` compute, by default as many as
    in a rank of `run`. `learn` is told once what each process says of itself. `so_far`, empty at
    first, collects groups as they end, and of one that is interrupted the rounds that there are.
    Raises CannotHere where nothing can be timed at all; a side that cannot run says so in its
    `why`.
    """
    if rounds < BACK or rounds % BACK:
        raise ValueError(f"rounds is {rounds}; an even number from {BACK} on is needed")
    if not is_installed("torch"):
        raise CannotHere("torch is not installed; install the extra train")
    found: list[list[Timed]] = [] if so_far is None else so_far
    with Children(seat_here(threads), learn, start) as children:
        for done, group in enumerate(groups):
            shown = _Shown(tell=tell, done=done, total=len(groups))
            shown()
            found.append(_timed(children, group, rounds, block_s, shown, found.append))
        tell(TIMING, len(groups), len(groups))
    return found


TIMING: Final = "timing in turn"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shown:
    """Progress, which is told again while nothing changes, so that the user sees life."""

    tell: Tell
    done: int
    total: int

    def __call__(self) -> None:
        self.tell(TIMING, self.done, self.total)


def seat_here(threads: int | None = None) -> Seat:
    """Return the cores and threads of a single rank of `run` on this machine's CPU."""
    request: Request = {
        "model": "resnext50_32x4d",
        **{"device": "cpu", "pipeline": "synthetic", "batch_size": 2},
        **{"nodes": 1, "nproc_per_node": 1},
    }
    if threads is not None:
        request |= {"threads": threads}
    machine = inspect("cpu")
    config = resolve(request, machine, None).config
    return Seat(threads=config.threads, cores=cores_of_ranks(machine, 1, on_gpus=False)[0])


def _timed(
    children: Children,
    group: Sequence[TimedSide],
    rounds: int,
    block_s: float,
    shown: _Shown,
    keep: Callable[[list[Timed]], None],
) -> list[Timed]:
    """Time a group; what makes its process end is left out, and the others are timed anew.

    What there is of it when it is interrupted goes to `keep`.
    """
    lost: dict[int, str] = {}
    while True:
        try:
            return _attempt(children, group, rounds, block_s, shown, lost, keep)
        except Lost as one:
            lost[one.place] = str(one)
            children.end(group[one.place].setting.isa)


def _attempt(
    children: Children,
    group: Sequence[TimedSide],
    rounds: int,
    block_s: float,
    shown: _Shown,
    lost: dict[int, str],
    keep: Callable[[list[Timed]], None],
) -> list[Timed]:
    children.begin()
    found = [Timed(side=side, why=lost.get(place, "")) for place, side in enumerate(group)]
    on_stage: list[TimerSide] = []
    turns: list[Turn] = []
    for place, side in enumerate(group):
        if place in lost:
            continue
        number, built = _built(children, place, side, block_s, shown)
        found[place] = _with(found[place], built)
        if not built.why:
            turns.append(Turn(side=len(on_stage), steps=built.calls))
            on_stage.append(TimerSide(place, children[side.setting.isa], number))
    if not turns:
        return found
    lengths: Lengths = []
    try:
        with ExitStack() as stack:
            stage = Stage(stack=stack, cores=1, sides=on_stage, tell=lambda blocks: shown())
            stage.take_turns(turns, 1 + rounds, so_far=lengths)
    except (KeyboardInterrupt, Interrupted):
        if len(lengths) > BACK:
            keep(_with_samples(found, on_stage, turns, lengths))
        raise
    return _with_samples(found, on_stage, turns, lengths)


def _with_samples(
    found: Sequence[Timed], on_stage: Sequence[TimerSide], turns: Sequence[Turn], lengths: Lengths
) -> list[Timed]:
    """Return the sides with their times; the first round does not count, nor one without a pair."""
    counted = lengths[1 : len(lengths) - (len(lengths) - 1) % BACK]
    timed = list(found)
    for at, (side, turn) in enumerate(zip(on_stage, turns, strict=True)):
        samples = tuple(round(1e6 * row[at] / turn.steps, 3) for row in counted)
        timed[side.place] = replace(timed[side.place], samples_us=samples)
    return timed


def _built(
    children: Children, place: int, side: TimedSide, block_s: float, shown: _Shown
) -> tuple[int, Built]:
    try:
        child = children[side.setting.isa]
    except Ended as ended:
        raise CannotHere(f"no convolution can be timed: {ended}") from ended
    try:
        return child.build(side, block_s, shown)
    except Ended as ended:
        raise Lost(place, str(ended)) from ended


def _with(timed: Timed, built: Built) -> Timed:
    return replace(
        timed,
        kernel=built.kernel,
        notes=built.notes,
        beside=built.beside,
        error=built.error,
        why=built.why,
    )
