"""Sides that take turns: timed blocks, forth and back, cut where time is over.

A block is some calls in a row between two moments at which the device has nothing left to do. What
is kept of it is its length; what that comes to is worked out where it is shown.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch

from resnext_bench.lab.visit.tasks import Box, Findings, rounded
from resnext_bench.session.turns.blocks import Judge, Lengths
from resnext_bench.session.turns.stage import InProcess, Stage, Turn

Call = Callable[[], object]
BACK: Final = 2
"""Rounds, forth and back: less says nothing about a drift."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One thing that is timed."""

    name: str
    train: Callable[[int], object]
    """Do it so many times."""
    count: int
    """Times of a block."""
    units: float
    """Images, bytes or FLOP of one time."""
    before: Call = lambda: None
    """Settings of this side, made before its block."""


def settle(device: torch.device) -> None:
    """Wait until nothing is left to do; a CPU never has anything left."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed(side: Side, device: torch.device, count: int) -> float:
    """Seconds of one block of so many times. One more meets cold caches, and is not counted."""
    side.before()
    side.train(1)
    settle(device)
    start = time.perf_counter()
    side.train(count)
    settle(device)
    return time.perf_counter() - start


def times_in(train: Callable[[int], object], seconds: float, device: torch.device) -> int:
    """How often it is done in so many seconds; at least twice."""
    settle(device)
    start = time.perf_counter()
    train(2)
    settle(device)
    each = (time.perf_counter() - start) / 2
    return max(2, math.ceil(seconds / each))


def take_turns(
    sides: Sequence[Side], unit: str, box: Box, findings: Findings, device: torch.device
) -> None:
    """Time blocks of all sides in turn, and keep them: sides, units of a block, seconds.

    Says that it was cut where its box ended first; one pair of rounds there always is.
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
    """Keep every pair of rounds, and say that the time is over where the next one has none."""
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
