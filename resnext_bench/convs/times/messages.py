"""What the program and a process that times convolutions tell each other, a line of JSON each.

The process says `Facts` once, and then answers: Build with `Built`, Block with `Took`.
"""

from typing import Final

import msgspec

from resnext_bench.convs.times.sides import TimedSide

CAP: Final = "ONEDNN_MAX_CPU_ISA"
"""Variable that caps the instructions oneDNN uses, read once a process."""


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Forget the sides of the last group; there is no answer."""


class Build(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Make a side ready, and check its result; it gets the next number of its group."""

    side: TimedSide
    block_s: float
    """Length of its blocks."""


class Block(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Call a side so many times in a row, after one call that does not count."""

    number: int
    calls: int


class Took(msgspec.Struct, frozen=True, kw_only=True):
    """The length of a block."""

    ns: int


Question = Begin | Build | Block
