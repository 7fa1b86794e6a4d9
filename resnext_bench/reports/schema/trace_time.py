"""Of a trace's report what is about time: where steps come from, which rows are not believed."""

from typing import Literal

import msgspec


class StepsFrom(msgspec.Struct, frozen=True, kw_only=True):
    """What tells where a step begins and ends."""

    kind: Literal["profiler", "annotation", "pattern", "range", "whole"]
    """`ProfilerStep` rows; annotations of the program that repeat; launches that repeat; what was
    asked for by `--from` and `--to`; or nothing: the whole trace is one step."""
    name: str | None = None
    """Of the annotation, with N for numbers."""
    launches: int | None = None
    """Of the pattern: kernels, copies and fills in each step."""
    from_ns: int | None = None
    """Of the range, since the first row of the trace."""
    to_ns: int | None = None


class StepLeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A marked step of which no figure is made."""

    number: int
    """As the profiler counts it, or the annotations, or from 1."""
    why: Literal["no work", "hidden", "launches", "long"]
    """`no work`: nothing of it ran on the device. `hidden`: all of its work ran while that of an
    earlier step was still running. `launches`: too many of its launches have no kernel in the
    trace. `long`: it lasts thousands of times as long as others."""
    value: float | None = None
    """Of `launches` the share without a kernel; of `long` its length in median steps."""


class Impossible(msgspec.Struct, frozen=True, kw_only=True):
    """Rows whose times cannot be, and what was done with them."""

    kind: Literal[
        "far", "before launch", "out of order", "too long", "overlap", "mixed streams", "clocks"
    ]
    """`far`: an hour or more from all others, such as at time 0. `before launch`: before the call
    that launched it. `out of order`: while other work of its stream ran that was launched before
    or after it. `too long`: an hour or more. `overlap`: it runs on while later work of its
    stream begins and ends. `mixed streams`: likewise, so often that one number must stand for
    several streams. `clocks`: the device's clock is behind the host's, so that most of the work
    begins before its launch."""
    done: Literal["left out", "cut", "moved", "kept"]
    rows: int
    on: Literal["host", "device"]
    largest_ns: int
    """How far away, too early, too long or moved, at most."""
