"""Sides that take turns: timed blocks, forth and back, cut where time is over.

A block is a number of calls in a row between two moments at which the device has nothing left to
do. Its length is stored; what follows from it is calculated where it is shown.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch

from resnext_bench.convs.measuring.blocks import block_s
from resnext_bench.convs.measuring.choices import settle
from resnext_bench.lab.visit.tasks import Box, Findings, rounded
from resnext_bench.session.turns.blocks import Judge, Lengths
from resnext_bench.session.turns.stage import InProcess, Stage, Turn

Call = Callable[[], object]
BACK: Final = 2
"""Number of rounds, forth and back; fewer say nothing about a drift."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One thing that is timed."""

    name: str
    train: Callable[[int], object]
    """Function that does it a number of times."""
    count: int
    """Number of times in a block."""
    units: float
    """Images, bytes or FLOP of one time."""
    before: Call = lambda: None
    """Function that makes this side's settings before its block."""


def timed(side: Side, device: torch.device, count: int) -> float:
    """Return the seconds of one block; a time before it, with cold caches, does not count."""
    side.before()
    return block_s(partial(side.train, count), partial(side.train, 1), partial(settle, device))


def times_in(train: Callable[[int], object], seconds: float, device: torch.device) -> int:
    """Return how often it can be done in this many seconds; at least twice."""
    settle(device)
    start = time.perf_counter()
    train(2)
    settle(device)
    each = (time.perf_counter() - start) / 2
    return max(2, math.ceil(seconds / each))


def take_turns(
    sides: Sequence[Side], unit: str, box: Box, findings: Findings, device: torch.device
) -> None:
    """Time blocks of all sides in turn, and store sides, units of a block, and seconds.

    If the box ends first, the results say that they were cut; there is at least one pair of rounds.
    """
    findings.found |= {
        "unit": unit,
        "sides": [side.name for side in sides],
        "units": [side.units * side.count for side in sides],
        "seconds": [],
    }
    turns = [Turn(side=place, steps=side.count) for place, side in enumerate(sides)]
    with findings.watched(), ExitStack() as stack:
        stage = Stage(
            stack=stack, cores=1, sides=[InProcess(partial(timed, side, device)) for side in sides]
        )
        stage.take_turns(turns, box.sizes.rounds, over=_kept(box, findings))


def _kept(box: Box, findings: Findings) -> Judge:
    """Return a function that stores every pair of rounds, and ends where the next has no time."""
    since = [time.monotonic()]

    def over(seconds: Lengths) -> bool:
        if not seconds or len(seconds) % BACK:
            return False
        findings.found["seconds"] = rounded(seconds)
        findings.keep()
        took, since[0] = time.monotonic() - since[0], time.monotonic()
        if len(seconds) < box.sizes.rounds and took > box.left_s:
            findings.found["cut"] = True
            return True
        return False

    return over
