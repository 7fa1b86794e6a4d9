"""What a trace leaves out: a device's work that is not in it, files that were not reported on."""

from typing import Literal

import msgspec


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A sign that a device worked of which the trace holds no kernel."""

    kind: Literal["launches", "copies", "rows", "calls", "backend", "annotations", "operators"]
    """Calls that launch kernels; calls that copy; rows that are not understood; what only devices
    have: calls of the runtime of an accelerator, a backend of communication, its annotations,
    operators."""
    what: list[str]
    """Their names, the most frequent first; of rows, process or category."""
    count: int
    duration_ns: int
    """Of rows, all durations added up; else 0."""


class HostAlone(msgspec.Struct, frozen=True, kw_only=True):
    """Why a report is on the host alone, although a device worked."""

    accelerator: str
    """Name of the device as far as the trace tells it; empty where it does not."""
    evidence: list[Evidence]
    """The surest first."""
    is_certain: bool
    """Whether calls or rows of the device show it: then no step is split into parts, as it would be
    the host's and not the device's. Else the parts are those of the host's operators."""
    host_step_ns: list[int]
    """How long each used step took on the host."""
    errors: list[str]
    """Codes of errors that the profiler wrote into the trace, such as
    `CUPTI_ERROR_INSUFFICIENT_PRIVILEGES`."""


LeftOutWhy = Literal[
    "cycle",
    "later",
    "recording",
    "run",
    "world",
    "rank",
    "twice",
    "hidden",
    "name",
    "replaced",
    "other",
]
"""An earlier cycle of the same process, or a later one that others lack; ranks recorded at another
time; another run of ours; a world of another size; more files than the world has ranks; a rank that
is here already (twice); a hidden file; a name by which no trace is found while others have one; a
member of an archive of which it has a later one; whole JSON that is something else."""

Broken = Literal[
    "unreadable",
    "empty",
    "no trace",
    "other",
    "packed",
    "damaged",
    "no work",
    "archive cut",
    "ended",
]
"""Why a file cannot be reported on: it cannot be opened or read; has no bytes; is no trace, or only
the beginning of one; is JSON of another kind; is compressed in a way that is not read; has damage
before anything could be read; holds no work; is an archive that ends too early; the process that
read it ended (most often for lack of memory)."""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the folder that is not in the report."""

    file: str
    why: LeftOutWhy
