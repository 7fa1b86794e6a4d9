"""What recorded shapes say of the arithmetic of operators: convolutions, products, attention."""

from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.names import attention, convs, products
from resnext_bench.reports.trace.names.attention import Attention
from resnext_bench.reports.trace.names.conv_arguments import CALLS
from resnext_bench.reports.trace.names.convs import Conv, Kind
from resnext_bench.reports.trace.names.products import Product
from resnext_bench.reports.trace.reading.trace import Ids, Trace
from resnext_bench.reports.trace.time.links import Links, of_names
from resnext_bench.reports.trace.time.nest import inherited, topmost

_BYTES: Final = {"fp64": 8, "fp32": 4, "bf16": 2, "fp16": 2, "fp8": 1, "int8": 1, "uint8": 1}
UNKNOWN: Final = -1

Shape = tuple[str, str]
"""Sizes in words, and the type of the numbers."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Recorded:
    """Calls of convolutions and products, a column for each."""

    row: Ids
    """Row of the host."""
    flop: NDArray[np.int64]
    """Of a convolution in one direction; -1: not known."""
    bytes: NDArray[np.int64]
    """That must move, likewise; -1: not known."""
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
    host, parent = trace.host, links.parent
    back = of_names(trace.names, lambda name: int("backward" in name) if name in CALLS else None)
    back = back[host.name]
    own = _numbered((back >= 0) & (host.conv >= 0))
    outermost = topmost(own, parent)
    conv = np.flatnonzero((own >= 0) & (outermost == own))
    which, nearest = _products(trace, parent, outermost)
    told = (*trace.convs, *trace.products.distinct)
    amounts = np.array([_amounts(one) for one in told], dtype=np.int64).reshape(-1, 3)
    row = np.concatenate([conv, trace.products.row[which]]).astype(np.int32)
    product = trace.products.which[which] + len(trace.convs)
    what = np.concatenate([host.conv[conv], product]).astype(np.int32)
    call = np.full(len(host) + 1, -1, dtype=np.int32)
    call[row] = np.arange(len(row), dtype=np.int32)
    is_back = np.append(back[conv] > 0, np.zeros(len(which), dtype=bool))
    return Recorded(
        row=row,
        flop=amounts[what, 0],
        bytes=amounts[what, 1],
        times=np.where(is_back, amounts[what, 2], 1).astype(np.int8),
        what=what,
        shapes=tuple(_shape(one) for one in told),
        of_host=np.append(call[np.where(outermost >= 0, outermost, nearest)], np.int32(-1)),
        inside=_wrapped(row, parent),
    )


def _numbered(which: NDArray[np.bool_]) -> Ids:
    return np.where(which, np.arange(len(which), dtype=np.int32), np.int32(-1))


def _products(trace: Trace, parent: Ids, conv: Ids) -> tuple[NDArray[np.intp], Ids]:
    """Return which products are calls of their own, and for each row of the host the nearest one.

    Of products within each other that is the innermost one; one within a convolution is a part of
    it. `conv`: the convolution that each row of the host is in.
    """
    rows = trace.products.row
    listed = np.zeros(len(trace.host), dtype=bool)
    listed[rows] = True
    nearest = inherited(_numbered(listed), parent)
    outer = np.append(nearest, np.int32(-1))[parent[rows]]
    calls = ~np.isin(rows, outer) & (conv[rows] < 0)
    listed[rows[~calls]] = False
    return np.flatnonzero(calls), np.where(listed[nearest] & (nearest >= 0), nearest, -1)


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


def _amounts(told: Conv | Product | Attention) -> tuple[int, int, int]:
    """Return FLOP and bytes, of a convolution in one direction, and how many gradients it has."""
    if isinstance(told, Conv):
        gradients = UNKNOWN if told.gradients is None else sum(told.gradients)
        return _known(told.flops(Kind.FORWARD)), _of_conv(told), gradients
    moved = _of_product(told) if isinstance(told, Product) else UNKNOWN
    return _known(told.flops), moved, 1


def _known(value: int | None) -> int:
    return UNKNOWN if value is None else value


def _of_conv(conv: Conv) -> int:
    """Return the bytes of input, weight and output: each direction reads two, writes the third."""
    width = _BYTES.get(conv.dtype)
    if width is None or conv.out is None:
        return UNKNOWN
    entering = conv.batch * conv.channels * prod(conv.size)
    leaving = conv.batch * conv.filters * prod(conv.out)
    weights = conv.channels // conv.groups * conv.filters * prod(conv.window)
    return width * (entering + leaving + weights)


def _of_product(product: Product) -> int:
    """Return the bytes of both factors and the result, taken to be of the same type."""
    width = _BYTES.get(product.dtype)
    if width is None:
        return UNKNOWN
    m, n, k = product.m, product.n, product.k
    return width * product.batch * (m * k + k * n + m * n)


def _shape(told: Conv | Product | Attention) -> Shape:
    if isinstance(told, Conv):
        return convs.label(told), told.dtype
    if isinstance(told, Product):
        return products.label(told), told.dtype
    return attention.label(told), told.dtype
