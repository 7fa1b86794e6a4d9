"""The one alternation loop of the house: blocks of two sides in turn, ABBA.

ABBA and not ABAB: under a linear drift of the machine A's and B's share of it are then equal
(ABAB gave 43 % false alarms where ABBA gave 0.1 %).
"""

from collections.abc import Callable

Block = Callable[[], float]
"""Runs one block of consecutive timed steps and returns its length in seconds."""


Lengths = list[tuple[float, float]]
"""Of pairs of blocks: (first's length, second's length), in s."""


def alternate(
    first: Block, second: Block, pairs: int, more: Callable[[Lengths], bool] = lambda _: False
) -> Lengths:
    """Run `pairs` blocks of each side, and then as long as `more`, given all so far, says so."""
    lengths: Lengths = []
    while len(lengths) < pairs or more(lengths):
        if len(lengths) % 2 == 0:
            a = first()
            b = second()
        else:
            b = second()
            a = first()
        lengths.append((a, b))
    return lengths
