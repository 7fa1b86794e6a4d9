"""The calls of a trace that a script can be written for, which `trace repro` lists."""

from typing import Literal

import msgspec

NotReproduced = Literal[
    "collective",
    "autograd",
    "foreign",
    "waits",
    "no tensor",
    "shapes",
    "list",
    "type",
    "unknown",
]
"""Why a call cannot be reproduced: it needs other ranks, is a row of autograd or an operator of
another library, brings a value to the host, computes no tensor, has no shapes, or a list of tensors
without any, or a type of tensors that no script makes, or takes arguments of no known overload."""


class ReproCall(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one operator with the same arguments, in the steps that are used."""

    number: int
    """What `--operator` takes: the place by time, from 1."""
    operator: str
    shapes: str
    """Sizes of its tensors, such as `32x64x56x56, 64x64x3x3`."""
    types: str
    """Distinct types of its tensors, in torch's names."""
    module: str
    """First module that calls it so; empty: in none, or not told."""
    modules: int
    """Number of modules that call it so."""
    which: str = msgspec.field(name="pass")
    """`forward`, `backward` or `optimizer`; empty where the trace does not tell."""
    kernel: str
    """Kernel that took most of the time; empty on a CPU."""
    calls: int
    total_ns: int
    """Time of its own kernels; on a CPU its own, without operators inside."""
    share: float
    """Share of all such time in the steps."""
    median_ns: float
    """Median time of a call, with that of operators inside."""
    overload: str
    """Overload that a script calls; empty where there is none."""
    missing: list[str]
    """Arguments that are neither recorded nor have a default: a script leaves them open."""
    refused: NotReproduced | None
    detail: str
    """Name that the reason is about, as the trace has it; empty where it needs none."""


class ReproCalls(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one trace, most time first."""

    path: str
    rank: int | None
    device: str
    """Name of the device; empty: a CPU."""
    calls: list[ReproCall]
    without_ns: int
    """Time of work that no operator of the trace launched."""
