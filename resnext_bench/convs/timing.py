"""Times operations of convolutions in turn, without torch: processes of their own hold it.

All sides of a group – layouts, types and settings of one problem – take turns block by block on
the stage, so that what the machine does to one it does a moment later to the others: the samples of
a round are paired.
"""

from collections.abc import Callable, Sequence

from resnext_bench.convs.sides import Facts, Timed, TimedSide

Tell = Callable[[str, int, int], None]
"""Called with the activity, how many items are done, and of how many."""


def time_in_turn(
    groups: Sequence[Sequence[TimedSide]],
    *,
    rounds: int,
    block_s: float,
    tell: Tell,
    threads: int | None = None,
    learn: Callable[[Facts], None] = lambda facts: None,
) -> list[list[Timed]]:
    """Return what was found of each side, in the order given; the sides of a group take turns.

    `rounds` is even, so that every side stands as often early as late; one more goes before them
    and does not count. Blocks last about `block_s` each. `threads` compute, by default as many as
    in a rank of `run`. `learn` is told once what each process says of itself. Raises CannotHere
    where nothing can be timed at all; a side that cannot run says so in its `why`.
    """
    raise NotImplementedError
