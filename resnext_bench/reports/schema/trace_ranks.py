"""The content of `trace ranks`: who is slow and why, what collectives wait for, whose clock is off.

All times are integer nanoseconds unless a name says otherwise; ranks are in the order of `ranks`.
"""

from typing import Final, Literal, get_args

import msgspec

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_files import LeftOut

VERSION: Final = 1

CollectiveKind = Literal[
    "all-reduce",
    "reduce-scatter",
    "all-gather",
    "all-to-all",
    "broadcast",
    "reduce",
    "gather",
    "scatter",
    "barrier",
    "send, receive",
    "other",
]
"""`other`: a kernel of any collective (`ncclDevKernel_Generic`) of which nothing else is known."""

Part = Literal["compute", "copies", "loading", "launches", "synchronisation", "other"]
"""Parts of a rank's own time. `compute`: kernels run, on a CPU operators; `copies`: only copies or
fills do; else the device is idle: the host loads a batch (on a CPU by operators, too), is late with
the next launch or its work is on its way, waits for the device, or what it does is not known."""
PARTS: Final[tuple[Part, ...]] = get_args(Part)

Cause = Literal["compute", "clock", "copies", "loading", "launches", "synchronisation", "other"]
"""Part in which a rank loses most; `clock` is compute of which each kernel runs as often as
elsewhere and is slower, all by the same factor."""


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """How far a rank's clock is from that of most ranks, by when collectives end."""

    offset_ns: int
    """By how much it is ahead, at the first of the collectives."""
    drift_ppm: float
    """By how much faster it runs, millionths."""
    scatter_ns: int
    """How far ends of single collectives lie from that, as a standard deviation."""
    is_off: bool
    """Whether it is corrected: the offset, or what the drift adds up to, exceeds the scatter."""


class RankRow(msgspec.Struct, frozen=True, kw_only=True):
    """One rank, over the steps that all ranks have."""

    rank: int | None
    file: str
    host: str
    """Empty where it is not known."""
    on: str
    """Name of its device, or CPU."""
    device: int | None
    step_ns: int
    """Mean step."""
    own_ns: int
    """Mean time of a step without that in which only communication runs."""
    parts: dict[Part, int]
    """Means of its parts, which add up to it but for rounding."""
    skew: float
    """By which factor its own time exceeds the median of the other ranks, less 1, as the geometric
    mean of the steps."""
    scatter: float | None
    """What its skew must exceed to be told from chance; None where there are too few steps."""
    waits_ns: int | None
    """Mean time per step that it waits for others in collectives that are matched, overlapped or
    not; None where none are."""
    clock: Clock | None
    """None where no collectives compare it with other ranks."""


class Straggler(msgspec.Struct, frozen=True, kw_only=True):
    """A rank for which the others wait, over all steps together."""

    at: int
    """Place in `ranks`."""
    skew: float
    scatter: float
    lost_ns: int
    """By how much its own time exceeds the median of the others, mean per step."""
    cause: Cause
    parts: dict[Part, int]
    """By how much each part exceeds the median of the others, mean per step."""
    cause_ns: int
    """How much of `lost_ns` is by the cause: by how much its part exceeds that of the others, at
    most all of it. Idle time that the trace does not explain is set off against late launches, as
    one rank's trace may explain what another's does not."""
    kernel: str
    """Kernel, on a CPU operator, that takes longer by most; empty where it is not computing."""
    kernel_ns: int
    """By how much, mean per step."""
    kernels_factor: float | None
    """By which factor its kernels take longer each, weighted by their time; None where it does not
    run the same kernels as often as the others."""


class SlowTogether(msgspec.Struct, frozen=True, kw_only=True):
    """Stragglers that have more in common than being slow."""

    by: Literal["host", "device"]
    """All ranks of one host, or of one model of device, and no others."""
    name: str
    at: list[int]


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step, and the rank that was slower in it than any others by more than chance."""

    number: int
    step_ns: int
    """That of the slowest rank."""
    at: int | None
    """Place in `ranks`; None: no rank stands out."""
    skew: float
    """That of this rank, or of the slowest."""
    lost_ns: int
    cause: Cause | None


class TalkRow(msgspec.Struct, frozen=True, kw_only=True):
    """Collectives of one kind, group and size; waiting and transfer add up to a rank's time."""

    kind: CollectiveKind
    name: str
    """Of the kernel, or of the span."""
    group: str
    told: str
    """What the program calls the group; empty where it is not recorded."""
    members: list[int]
    """Places in `ranks` of those whose traces are here."""
    size: int | None
    """Ranks of the group, also those without a trace; None where the traces do not tell."""
    bytes: int | None
    """Of the message: what each rank has of an all-reduce, or what is put together; the largest of
    the ranks."""
    count: int
    """On each rank."""
    transfer_ns: int
    """From the last arrival to the first end, added up: data move no longer than that. On a CPU
    with the time in the queue of the last rank."""
    waiting_ns: list[int]
    """The rest of each member's time."""
    last_to_arrive: list[int]
    """How often each member was the last."""
    bus_gb_per_s: float | None
    """Least bandwidth per rank, 10^9 bytes/s: what must cross its links in the median transfer;
    None where it is not known."""
    link_gb_per_s: float | None
    """What the links of a device carry in one direction by its data sheet; None where the group is
    not on one host, or the data sheet names none."""


class TraceDoubts(msgspec.Struct, frozen=True, kw_only=True):
    """What to doubt of the trace of one rank by itself, compared or not."""

    rank: int | None
    file: str
    facts: list[Note]
    """As kinds with values (`WarningKind`)."""


class RanksTimes(msgspec.Struct, frozen=True, kw_only=True):
    """What the traces of several ranks say together."""

    kind: str = "ranks"
    version: int = VERSION
    on_device: bool
    world_size: int | None
    ranks: list[RankRow]
    missing: list[int]
    """Ranks of the world without a trace."""
    steps: list[StepRow]
    """Steps that all ranks have."""
    stragglers: list[Straggler]
    """Over the run, the slowest first; empty where none exceeds the scatter."""
    together: list[SlowTogether]
    smallest_skew: float | None
    """The least skew that would have been named; None where there are too few steps to name any."""
    collectives: list[TalkRow]
    """Those with most waiting first."""
    unmatched: int
    """Collectives of all ranks that are not in `collectives`: of single ranks, sent from one to
    another, or not alike on all members."""
    facts: list[Note]
    """What to doubt of all together, as kinds with values (`WarningKind`)."""
    traces: list[TraceDoubts] = []
    """Traces of which there is something to doubt by themselves."""
    warnings: list[str] = []
    """The sentences of `facts`, and of those of `traces`, for readers; filled where the report is
    written as JSON."""
    left_out: list[LeftOut] = []
    """Files that this is not made of."""


def schema() -> dict[str, object]:
    """Return the JSON Schema (2020-12) of `trace ranks --json`."""
    return msgspec.json.schema(RanksTimes)
