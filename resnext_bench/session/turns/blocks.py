"""The one alternation loop: blocks of sides in turn, and how long they last.

The order is reversed each time – ABBA for two sides, not ABAB – so that a linear drift of the
machine affects every side equally (ABAB gave 43 % false alarms where ABBA gave 0.1 %).
"""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Final

BLOCK_S: Final = 1.0
"""Least length of a block, s, where its number of steps is not given: see the bounds."""
SHORT_STEPS: Final = 10
"""Largest number of steps in a block on a CPU with synthetic batches.

A burst of another tenant lasts a second or less: the shorter the blocks, the more equally both
sides see it. This does not hold with a loader, whose queue fills in the pauses, nor on a GPU, whose
clocks change then.
"""
FEWEST_STEPS, MOST_STEPS = 3, 1000
"""Bounds of a block's number of steps where it follows from `BLOCK_S`."""
FEWEST_PAIRS, MOST_PAIRS = 10, 200
"""Bounds of a session's number of pairs where it is not given: more than the fewest if they
scatter."""
FEWEST_WHEN_OVER: Final = 4
"""Fewest pairs of a session that the time limit ends: whole quads, enough to see their scatter."""
MOST_ROWS: Final = 200_000
"""Largest number of steps in a session, whatever the number of pairs requested."""
KNOWN: Final = 0.0015
"""Standard error of a session's log ratio at which no more pairs of blocks are needed."""

Block = Callable[[], float]
"""Runs one block of consecutive timed steps and returns its length in seconds."""
Lengths = list[tuple[float, ...]]
"""Lengths of rounds: each side's block, in the order of the sides, in s."""
Judge = Callable[[Lengths], bool]
"""Decides a question from all rounds so far."""


def never(lengths: Lengths) -> bool:
    """Decide against it, whatever the rounds were."""
    return False


def in_turn(
    blocks: Sequence[Block],
    rounds: int,
    *,
    more: Judge = never,
    over: Judge = never,
    so_far: Lengths | None = None,
) -> Lengths:
    """Run a block of every side in each of `rounds`, and then for as long as `more` says.

    The order is reversed from round to round, so that over two rounds every side is centred on the
    same time. It ends early if `over`, asked before each round and after the last one, says that
    the time is over. `so_far`, empty at first, collects rounds as they end, for callers that need
    them if something else interrupts it.
    """
    lengths: Lengths = [] if so_far is None else so_far
    places = range(len(blocks))
    while not over(lengths) and (len(lengths) < rounds or more(lengths)):
        took = {place: blocks[place]() for place in places[:: -1 if len(lengths) % 2 else 1]}
        lengths.append(tuple(took[place] for place in places))
    return lengths


def in_words(lengths: Lengths, *, b_first: bool) -> str:
    """Describe what the pairs of an interrupted session have shown; empty where none counts.

    The first pair is left out, as always. There is no interval: a session is the unit.
    """
    counted = lengths[1:]
    if not counted:
        return ""
    first, second = (sum(side) for side in zip(*counted, strict=True))
    change = 100 * ((first / second if b_first else second / first) - 1)
    pairs = f"{len(counted)} pair{'s' * (len(counted) > 1)} of blocks"
    return f"b {change:+.1f} % over {pairs}"


def block_length(step_ns: int, *, may_be_short: bool) -> int:
    """Return the steps of a block, by step length: `BLOCK_S` long, or `SHORT_STEPS` if allowed."""
    steps = math.ceil(BLOCK_S * 1e9 / step_ns)
    return min(max(steps, FEWEST_STEPS), SHORT_STEPS if may_be_short else MOST_STEPS)


def most_pairs(fewest: int, block_steps: int) -> int:
    """Return the most pairs of blocks that may count, where `fewest` were asked for."""
    room = min(MOST_PAIRS, MOST_ROWS // (1 + block_steps) - 1)
    return max(fewest, room - room % 2)  # whole quads


def well_known(lengths: Lengths) -> bool:
    """Return whether the mean log ratio of these pairs has a standard error of at most `KNOWN`.

    Only their spread is looked at, which says nothing about which side is faster; pairs of either
    order around their own mean, as what being second costs cancels over a quad. The mean, and not
    the median: rare slow steps count in the verdict, so they must be known too.
    """
    ratios = [math.log(second / first) for first, second in lengths]
    around = [
        ratio - statistics.fmean(turn) for turn in (ratios[::2], ratios[1::2]) for ratio in turn
    ]
    variance = sum(ratio**2 for ratio in around) / max(len(ratios) - 2, 1)
    return math.sqrt(variance / len(ratios)) <= KNOWN
