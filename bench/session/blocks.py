"""The one alternation loop of the house: blocks of two sides in turn, ABBA.

ABBA and not ABAB: under a linear drift of the machine A's and B's share of it are then equal
(ABAB gave 43 % false alarms where ABBA gave 0.1 %).
"""

from collections.abc import Callable

Block = Callable[[], float]
"""Runs one block of consecutive timed steps and returns its length in seconds."""


def alternate(first: Block, second: Block, pairs: int) -> list[tuple[float, float]]:
    """Run `pairs` blocks of each side; every pair is (first's length, second's length), in s."""
    lengths = []
    for pair in range(pairs):
        if pair % 2 == 0:
            a = first()
            b = second()
        else:
            b = second()
            a = first()
        lengths.append((a, b))
    return lengths
