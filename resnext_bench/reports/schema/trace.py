"""What a trace says: the content of `trace report`, in the console and as `--json` alike.

All times are integer nanoseconds unless a name says otherwise; shares are fractions of 1.
"""

from typing import Final

import msgspec

from resnext_bench.reports.schema.trace_time import Impossible, StepsFrom

VERSION: Final = 1


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the trace the figures rest on."""

    steps_used: int
    steps_marked: int
    """Steps that were found; 0: the whole trace, or a range of it, is taken as one."""
    steps_from: StepsFrom
    """What tells where they begin and end."""
    excluded: list[str]
    lag_steps: float | None
    """By how many steps the device trailed the host; None on a CPU and without steps."""
    resolution_ns: float
    """Of the time stamps."""
    dropped: dict[str, int]
    """Records that kineto itself says it dropped, by its own words."""
    linked_launch: float
    """Share of device time whose launch is in the trace; on a CPU 1."""
    linked_operator: float
    """Share of device time whose operator is."""
    linked_step: float
    """Share of device time that belongs to a marked step, used or not."""
    linked_layer: float
    """Share of time in used steps below a layer's name (`run --profile` writes them)."""
    by_time: int
    """Rows put into a step by when they ran, as their launch is not in the trace."""
    earlier: int
    """Rows in no step, as they began before the first of their stream whose launch is in the
    trace: they were launched before it."""
    impossible: list[Impossible]
    """Rows whose times cannot be, and what was done with them; figures are without those left out,
    and with those cut or moved as they are then."""


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of each used step: the four parts add up to `step_ns` exactly."""

    number: list[int]
    step_ns: list[int]
    compute_ns: list[int]
    """At least one kernel ran that is no communication; on a CPU an operator."""
    exposed_communication_ns: list[int]
    """Communication ran and no such kernel."""
    exposed_copy_ns: list[int]
    """A copy or a fill ran and neither of them."""
    idle_ns: list[int]
    """Nothing ran."""


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Over all used steps: what is added up, and what of it is the time it took."""

    step_ns: int
    work_ns: int
    """All durations added up; kernels that overlap count twice. On a CPU over all threads, each
    moment of which counts once."""
    busy_ns: int
    """When anything ran: the union."""
    communication_ns: int
    """Durations of communication added up; on a CPU with all that runs within it."""
    communication_busy_ns: int
    """When communication ran, exposed or not."""
    copy_ns: int
    """Durations of Memcpy and Memset added up."""


class KernelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One kernel (on a CPU one operator, by self time) in all used steps."""

    name: str
    cls: str = msgspec.field(name="class")
    tensor_core: str
    """yes, no or unknown."""
    count: int
    total_ns: int
    share: float
    """Of the steps' time."""
    median_ns: float
    p95_ns: int
    """Nearest rank."""
    min_ns: int
    max_ns: int
    mean_ns: float
    std_ns: float
    """Of the events themselves, not of sums; with n - 1, 0 for one event."""
    operator: str
    """That launched most of its time; empty where none is known."""


class ClassRow(msgspec.Struct, frozen=True, kw_only=True):
    """All kernels of one class in all used steps."""

    cls: str = msgspec.field(name="class")
    count: int
    total_ns: int
    share: float
    """Of the steps' time."""
    forward_ns: int
    """By names (`## forward ##`), else by autograd: an operator whose sequence number a later row
    of the backward pass has is forward, with what lies below it and between such operators."""
    backward_ns: int
    optimizer_ns: int
    other_ns: int
    """In no pass that the trace tells."""


class ConvRow(msgspec.Struct, frozen=True, kw_only=True):
    """One shape of convolution in one direction and with one choice of kernel."""

    shape: str
    batch: int
    channels: int
    filters: int
    size: list[int]
    window: list[int]
    stride: list[int] | None
    groups: int
    width: int
    """Channels per group."""
    dtype: str
    input_format: str
    weight_format: str
    direction: str
    kernel: str
    """The one that took most of the time."""
    kernels: int
    """Distinct ones besides layout transforms."""
    calls: int
    total_ns: int
    share: float
    """Of the steps' time."""
    median_ns: float
    """Of a call."""
    tflops: float | None
    """10^12 FLOP/s of the median call, groups counted right; None where a size is not recorded."""
    layout_ns: int
    """Layout transforms that the call launched besides."""


class LayoutRow(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays for layout transforms."""

    payer: str
    """A layer where the trace names it, else a convolution's shape, else an operator."""
    count: int
    total_ns: int
    share: float
    """Of the steps' time."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """The layout tax: kernels that only turn NCHW into NHWC or back."""

    total_ns: int
    share_of_step: float
    share_of_compute: float
    """Of the durations of all kernels that are no communication."""
    rows: list[LayoutRow]


class TensorCores(msgspec.Struct, frozen=True, kw_only=True):
    """Time in convolutions, matrix products and attention by whether kernels use tensor cores."""

    eligible_ns: int
    used_ns: int
    not_used_ns: int
    unknown_ns: int


class IdleRow(msgspec.Struct, frozen=True, kw_only=True):
    """Idle time by what the host did meanwhile; the rows add up to all of it exactly."""

    cause: str
    total_ns: int
    share: float
    """Of the steps' time."""


class TraceReport(msgspec.Struct, frozen=True, kw_only=True):
    """The kernel-time report of one trace."""

    kind: str = "trace"
    version: int = VERSION
    file: str
    size: int
    """Bytes, decompressed."""
    events: int
    on: str
    """Name of the device, or `CPU`."""
    device: int | None
    """Number of the device that is reported on; None on a CPU."""
    rank: int | None
    world_size: int | None
    backend: str | None
    trust: Trust
    sums: Sums
    steps: Steps
    classes: list[ClassRow]
    kernels: list[KernelRow]
    convs: list[ConvRow]
    layout: Layout
    tensor_cores: TensorCores | None
    """None on a CPU."""
    idle: list[IdleRow]
    warnings: list[str]


class CollectiveRow(msgspec.Struct, frozen=True, kw_only=True):
    """All collectives of one name over all ranks that were read."""

    name: str
    count: int
    """On each rank."""
    transfer_ns: int
    """At most: from the last arrival to the first end, added up."""
    waiting_ns: list[int]
    """The rest of each rank's time, in the order of the reports."""
    shortest_ns: int
    longest_ns: int
    """Of one collective on one rank."""
    last_to_arrive: list[int]
    """How often each rank was the last."""


class RanksReport(msgspec.Struct, frozen=True, kw_only=True):
    """The reports of several ranks."""

    kind: str = "traces"
    version: int = VERSION
    ranks: list[TraceReport]
    missing: list[int]
    """Ranks of the world without a trace."""
    collectives: list[CollectiveRow]
    """Empty where ranks do not match, or have none."""
    warnings: list[str]


def schema() -> dict[str, object]:
    """JSON Schema (2020-12) of what `trace report --json` prints: one rank's report, or several."""
    schemas, components = msgspec.json.schema_components((TraceReport, RanksReport))
    return {"anyOf": list(schemas), "$defs": components}
