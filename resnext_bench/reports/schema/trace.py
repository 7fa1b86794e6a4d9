"""The content of `trace report`, which the console and `--json` both show.

All times are integer nanoseconds unless a name says otherwise; shares are fractions of 1.
"""

from typing import Final

import msgspec

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_diff import TraceDiff
from resnext_bench.reports.schema.trace_files import HostAlone, LeftOut
from resnext_bench.reports.schema.trace_graphs import Graphs
from resnext_bench.reports.schema.trace_host import Advice, Host
from resnext_bench.reports.schema.trace_layers import Layers
from resnext_bench.reports.schema.trace_memory import PeakOnly
from resnext_bench.reports.schema.trace_products import AttentionRow, ProductRow
from resnext_bench.reports.schema.trace_time import Impossible, StepLeftOut, StepsFrom

VERSION: Final = 2
"""2: reasons for steps that are left out (`trust.excluded`) are kinds, not sentences."""


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """How complete the trace is on which the figures rest."""

    steps_used: int
    steps_marked: int
    """Number of steps that were found; if 0, the whole trace, or a range of it, is taken as one."""
    steps_from: StepsFrom
    """What tells where steps begin and end."""
    excluded: list[StepLeftOut]
    lag_steps: float | None
    """By how many steps the device trailed the host; None on a CPU and without steps."""
    resolution_ns: float
    """Resolution of the time stamps, ns."""
    dropped: dict[str, int]
    """Numbers of records that kineto reports as dropped, by its own words for the reasons."""
    linked_launch: float
    """Share of device time whose launch is in the trace; 1 on a CPU."""
    linked_operator: float
    """Share of device time whose operator is in the trace; 1 on a CPU."""
    linked_step: float
    """Share of device time that belongs to a marked step, used or not; 1 on a CPU."""
    linked_layer: float
    """Share of time in used steps that can be assigned to a module of the model."""
    by_time: int
    """Number of rows that were assigned to a step by the time at which they ran, as their launch is
    not in the trace."""
    earlier: int
    """Number of rows in no step, as they began before the first row of their stream whose launch is
    in the trace: they were launched before it."""
    impossible: list[Impossible]
    """Rows whose times cannot be, and what was done with them; figures are without those that were
    left out."""


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """The split of each used step: the four parts add up to `step_ns` exactly.

    All are empty in a report on the host alone (`TraceReport.alone`), where it is certain.
    """

    number: list[int]
    step_ns: list[int]
    compute_ns: list[int]
    """Time in which at least one kernel other than communication ran; on a CPU, an operator."""
    exposed_communication_ns: list[int]
    """Time in which communication ran, but no other kernel."""
    exposed_copy_ns: list[int]
    """Time in which a copy or a fill ran, but neither communication nor any other kernel."""
    idle_ns: list[int]
    """Time in which nothing ran."""


NO_STEPS: Final = Steps(
    number=[],
    step_ns=[],
    compute_ns=[],
    exposed_communication_ns=[],
    exposed_copy_ns=[],
    idle_ns=[],
)


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over all used steps: durations added up, and the time that they took together."""

    step_ns: int
    work_ns: int
    """Durations of all work added up: overlapping kernels count twice; on a CPU, over all threads,
    each moment of which counts once."""
    busy_ns: int
    """Time in which anything ran."""
    communication_ns: int
    """Durations of communication added up; on a CPU with all that runs within it."""
    communication_busy_ns: int
    """Time in which communication ran, exposed or not."""
    copy_ns: int
    """Durations of Memcpy and Memset added up."""


class KernelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One kernel in all used steps; on a CPU one operator, by self time."""

    name: str
    """As the trace has it."""
    demangled: str | None = None
    """As C++ writes it, where the trace has it mangled."""
    cls: str = msgspec.field(name="class")
    tensor_core: str
    """One of yes, no and unknown."""
    count: int
    total_ns: int
    share: float
    """Share of the steps' time."""
    median_ns: float
    p95_ns: int
    """95th percentile by the nearest rank."""
    min_ns: int
    max_ns: int
    mean_ns: float
    std_ns: float
    """Standard deviation of the single events, with n - 1 degrees of freedom; 0 for one event."""
    operator: str
    """Operator that launched most of the kernel's time; empty where none is known."""


class ClassRow(msgspec.Struct, frozen=True, kw_only=True):
    """All kernels of one class in all used steps."""

    cls: str = msgspec.field(name="class")
    count: int
    total_ns: int
    share: float
    """Share of the steps' time."""
    forward_ns: int
    """By names (`## forward ##`), else by autograd: an operator whose sequence number a later row
    of the backward pass has is forward, with what lies below it and between such operators."""
    backward_ns: int
    optimizer_ns: int
    other_ns: int
    """Time in no pass that the trace shows."""


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
    """`forward`, `input gradient`, `weight gradient`, `backward` (both, on a CPU) or
    `undetermined`."""
    kernel: str
    """Kernel that took most of the time."""
    kernels: int
    """Number of distinct kernels, not counting layout transforms, fills and split-k reductions."""
    algorithm: str
    """Winograd or FFT, which need fewer FLOP than the direct algorithm; empty for all others."""
    calls: int
    total_ns: int
    share: float
    """Share of the steps' time."""
    median_ns: float
    """Median time of a call; of those that a range does not cut if there are any."""
    cut_calls: int = 0
    """Calls of which the range has a part: they have no rate."""
    tflops: float | None
    """TFLOP/s of the median call, with groups counted correctly and the FLOP of the direct
    algorithm; None where a size is not recorded, the direction is undetermined, or the range
    cuts all calls."""
    peak_tflops: float | None
    """Peak of this type in the device's data sheet, TFLOP/s; None where it is not known."""
    layout_ns: int
    """Time of layout transforms that the calls launched in addition."""


class LayoutRow(msgspec.Struct, frozen=True, kw_only=True):
    """Layout transforms by what causes them."""

    payer: str
    """A layer where the trace names it, else a convolution's shape, else an operator; "launch not
    in the trace" where there is none of them."""
    count: int
    total_ns: int
    share: float
    """Share of the steps' time."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """The layout tax: kernels that only convert NCHW to NHWC or back."""

    total_ns: int
    share_of_step: float
    share_of_compute: float
    """Share of the durations of all kernels other than communication, copies and fills."""
    rows: list[LayoutRow]


NO_LAYOUT: Final = Layout(total_ns=0, share_of_step=0.0, share_of_compute=0.0, rows=[])


class TensorCores(msgspec.Struct, frozen=True, kw_only=True):
    """Time in convolutions, matrix products and attention, by whether kernels use tensor cores."""

    eligible_ns: int
    used_ns: int
    not_used_ns: int
    unknown_ns: int


class IdleRow(msgspec.Struct, frozen=True, kw_only=True):
    """Idle time by what the host did meanwhile; the rows add up to all of it exactly."""

    cause: str
    total_ns: int
    share: float
    """Share of the steps' time."""


class TraceReport(msgspec.Struct, frozen=True, kw_only=True):
    """The kernel-time report of one trace."""

    kind: str = "trace"
    version: int = VERSION
    file: str
    size: int
    """Size of the trace, bytes, decompressed."""
    events: int
    on: str
    """Name of the device, `CPU`, or `host alone` where a device's work is not in the trace."""
    device: int | None
    """Number of the device that is reported on; None on a CPU and for the host alone."""
    rank: int | None
    world_size: int | None
    backend: str | None
    trust: Trust
    sums: Sums
    steps: Steps
    classes: list[ClassRow]
    kernels: list[KernelRow]
    convs: list[ConvRow]
    products: list[ProductRow]
    """Matrix products; empty where the trace has no shapes."""
    attention: list[AttentionRow]
    """Calls of attention; likewise."""
    layout: Layout
    tensor_cores: TensorCores | None
    """Time by use of tensor cores; None on a CPU."""
    idle: list[IdleRow]
    host: Host
    advice: list[Advice]
    """What to change first; the largest possible gain first, at most three."""
    layers: Layers | None = None
    """None where it was asked to leave them out."""
    facts: list[Note]
    """What to doubt, as kinds with values (`WarningKind`)."""
    warnings: list[str] = []
    """The sentences of `facts`, for readers; filled where the report is written as JSON."""
    alone: HostAlone | None = None
    """Why this is a report on the host alone; None where it is not."""
    graphs: Graphs | None = None
    """What captured graphs launched, and where their operators are from; None where there are
    none."""
    memory: list[PeakOnly] = []
    """The peak of each device's memory (`trace memory` has the rest); empty where it was not
    recorded, and for a range of time."""


class CollectiveRow(msgspec.Struct, frozen=True, kw_only=True):
    """All collectives of one name, over all ranks that were read."""

    name: str
    count: int
    """Number of collectives on each rank."""
    transfer_ns: int
    """Upper bound of the transfer time: from the last arrival to the first end, added up."""
    waiting_ns: list[int]
    """Rest of each rank's time in these collectives, in the order of the reports."""
    shortest_ns: int
    longest_ns: int
    """Longest time of one collective on one rank."""
    last_to_arrive: list[int]
    """How often each rank was the last to arrive, in the order of the reports."""


class RanksReport(msgspec.Struct, frozen=True, kw_only=True):
    """The reports of several ranks."""

    kind: str = "traces"
    version: int = VERSION
    ranks: list[TraceReport]
    missing: list[int]
    """Ranks of the world without a trace."""
    collectives: list[CollectiveRow]
    """Collectives by name; empty where the ranks' do not match, or where there are none."""
    facts: list[Note]
    """What to doubt of all of them together, as kinds with values."""
    warnings: list[str] = []
    """The sentences of `facts`, likewise."""
    left_out: list[LeftOut] = []
    """Files of the folder that this is not made of."""


def schema() -> dict[str, object]:
    """Return the JSON Schema (2020-12) of `trace report --json` and `trace diff --json`.

    One rank's report, those of several, or a difference.
    """
    kinds = (TraceReport, RanksReport, TraceDiff)
    schemas, components = msgspec.json.schema_components(kinds)
    return {"anyOf": list(schemas), "$defs": components}
