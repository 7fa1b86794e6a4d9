"""What recorded shapes say of the arithmetic of operators: convolutions and products."""

from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.names.conv_arguments import CALLS
from resnext_bench.reports.trace.names.convs import Conv, Kind, label
from resnext_bench.reports.trace.reading.trace import Ids, Trace
from resnext_bench.reports.trace.time.links import Links, of_names
from resnext_bench.reports.trace.time.nest import topmost

_BYTES: Final = {"fp64": 8, "fp32": 4, "bf16": 2, "fp16": 2}
UNKNOWN: Final = -1

Shape = tuple[str, str]
"""Sizes in words, and the type of the numbers."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Recorded:
    """Calls of convolutions and products, a column for each."""

    row: Ids
    """Row of the host."""
    flop: NDArray[np.int64]
    """In one direction; -1: not known."""
    bytes: NDArray[np.int64]
    """That each direction must move; -1: not known."""
    times: NDArray[np.int8]
    """Directions that the call computes: one forward, one or two gradients; -1: not told."""
    what: Ids
    """Index into `shapes`."""
    shapes: tuple[Shape, ...]
    of_host: Ids
    """For each row of the host, and -1 behind them, the call that it is a part of; -1: none."""
    inside: Ids
    """For each row of the host that wraps calls (conv2d > convolution) one of them; -1: none."""


def recorded(trace: Trace, links: Links) -> Recorded:
    """Find them in the whole trace."""
    host = trace.host
    back = of_names(trace.names, lambda name: int("backward" in name) if name in CALLS else None)
    own = (back[host.name] >= 0) & (host.conv >= 0)
    numbers = np.where(own, np.arange(len(host), dtype=np.int32), np.int32(-1))
    top = topmost(numbers, links.parent)
    row = np.flatnonzero(own & (top == numbers)).astype(np.int32)
    what = host.conv[row]
    amounts = np.array([_amounts(one) for one in trace.convs], dtype=np.int64).reshape(-1, 3)
    of_host = np.full(len(host) + 1, -1, dtype=np.int32)
    of_host[row] = np.arange(len(row), dtype=np.int32)
    return Recorded(
        row=row,
        flop=amounts[what, 0],
        bytes=amounts[what, 1],
        times=np.where(back[host.name[row]] > 0, amounts[what, 2], 1).astype(np.int8),
        what=what,
        shapes=tuple((label(one), one.dtype) for one in trace.convs),
        of_host=np.append(of_host[top], np.int32(-1)),
        inside=_wrapped(row, links.parent),
    )


def _wrapped(row: Ids, parent: Ids) -> Ids:
    """Return for each row of the host a call that lies in it; -1: none does."""
    found = np.full(len(parent), -1, dtype=np.int32)
    call, above = np.arange(len(row), dtype=np.int32), parent[row]
    while (open_ := np.flatnonzero(above >= 0)).size:
        call, above = call[open_], above[open_]
        new = found[above] < 0
        found[above[new]] = call[new]
        call, above = call[new], parent[above[new]]
    return found


def _amounts(conv: Conv) -> tuple[int, int, int]:
    """Return FLOP and bytes of one direction, and how many gradients were asked for."""
    flop = conv.flops(Kind.FORWARD)
    return UNKNOWN if flop is None else flop, _moved(conv), sum(conv.gradients)


def _moved(conv: Conv) -> int:
    """Return the bytes of input, weight and output: each direction reads two, writes the third."""
    width = _BYTES.get(conv.dtype)
    if width is None or conv.out is None:
        return UNKNOWN
    entering = conv.batch * conv.channels * prod(conv.size)
    leaving = conv.batch * conv.filters * prod(conv.out)
    weights = conv.channels // conv.groups * conv.filters * prod(conv.window)
    return width * (entering + leaving + weights)
