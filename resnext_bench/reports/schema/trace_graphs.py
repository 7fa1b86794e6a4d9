"""Of a trace's report what is about captured graphs: what replays launched, what is known of it.

All times are integer nanoseconds.
"""

from typing import Literal

import msgspec

UntoldWhy = Literal["no source", "short", "order", "names", "ambiguous", "counts", "implausible"]


class GraphsFrom(msgspec.Struct, frozen=True, kw_only=True):
    """Replays whose operators, shapes and modules are told, by one kind of evidence."""

    kind: Literal["eager", "capture"]
    """`eager`: launches one by one of kernels of the same names in the same order. `capture`: as
    many launches of the same kinds while a graph was captured, below operators that can have
    launched such kernels."""
    file: str
    """The other trace that tells it; empty: this one."""
    order: Literal["nodes", "streams"]
    """What tells the order of a replay: numbers of its nodes, or the order of a stream."""
    replays: int
    rows: int
    """Kernels, copies and fills whose origin is told."""
    total_ns: int
    """Their durations added up."""


class GraphsUntold(msgspec.Struct, frozen=True, kw_only=True):
    """Replays of which nothing is told, for one reason."""

    why: UntoldWhy
    """`no source`: neither the trace nor `file` holds an eager run or a capture. `short`: too few
    kernels to be recognised by their names. `order`: kernels of several streams, whose order is
    not certain. `names`: no eager run launched the same kernels. `ambiguous`: several places fit
    that tell different things. `counts`: no capture has as many launches. `implausible`:
    operators of the capture cannot have launched such kernels."""
    replays: int
    rows: int
    total_ns: int
    kernels: int
    """Of the largest of these replays."""
    launches: int
    """Of `counts`: launches of kernels in the capture that comes nearest."""
    wrong: int
    """Of `implausible`: kernels that cannot be below their operators."""
    name: str
    """Likewise: such a kernel."""
    operator: str
    """Likewise: the operator that it would be below."""
    file: str = ""
    """The other trace in which their origin was looked for, too; empty: none was given."""


class Graphs(msgspec.Struct, frozen=True, kw_only=True):
    """All replays of captured graphs on the device, in used steps or not."""

    replays: int
    rows: int
    """Kernels, copies and fills that they launched."""
    total_ns: int
    """Their durations added up."""
    told_ns: int
    """Of that of rows whose operators, shapes and modules are told."""
    sources: list[GraphsFrom]
    untold: list[GraphsUntold]
