"""What the host did while the device ran: a part of `trace report`.

All times are integer nanoseconds over all used steps unless a name says otherwise; shares are
fractions of 1.
"""

from enum import StrEnum

import msgspec


class AdviceKind(StrEnum):
    """What is to be changed."""

    UNTRUSTED = "untrusted"
    """The trace itself: it says too little for any other advice."""
    LOADING = "loading"
    """How batches are loaded."""
    LAUNCHES = "launches"
    """That the host launches every kernel by itself."""
    LATENCY = "latency"
    """That kernels which are launched in time begin late."""
    LONG_GAPS = "long gaps"
    """What the host does in a few long gaps."""
    PYTHON = "python"
    """On a CPU: the time outside operators."""
    BLOCKING = "blocking"
    """Calls that wait for the device."""
    ALLOCATION = "allocation"
    """Calls that allocate or free memory of the device."""
    COPIES = "copies"
    """Copies of batches to the device, which the host waits for or nothing overlaps."""
    HOST_TENSORS = "host tensors"
    """Tensors of the host, such as an index, that operators of the device are given: each call
    copies them, and waits."""
    COMMUNICATION = "communication"
    """What communication is not overlapped with."""
    BUFFERS = "buffers"
    """That DistributedDataParallel sends the model's buffers before each forward pass."""
    BUCKET_VIEW = "bucket view"
    """That DistributedDataParallel copies gradients out of the buckets which it reduces."""
    LAYOUT = "layout"
    """The memory format of tensors."""
    PRECISION = "precision"
    """The type of matrix products and convolutions."""
    FUSION = "fusion"
    """That elementwise operations and normalisation are kernels of their own."""
    OPTIMIZER = "optimizer"
    """That the optimizer updates parameters one by one, or in several passes."""


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """Kernels that were launched and had not begun, over the time of the used steps."""

    median: int
    """Half of the time no more than these were waiting."""
    most: int
    empty: float
    """Share of the time in which none was waiting."""
    delay_median_ns: float
    """From the launch call's begin to the kernel's."""
    delay_p95_ns: int
    """Nearest rank."""


class Short(msgspec.Struct, frozen=True, kw_only=True):
    """Kernels of the used steps that are shorter than something."""

    count: int
    total_ns: int
    """Their durations added up."""


class Launches(msgspec.Struct, frozen=True, kw_only=True):
    """Kernels of the used steps, and the calls that launched them."""

    kernels: int
    median_ns: float
    """Of a kernel."""
    total_ns: int
    """Durations of kernels added up."""
    linked: float
    """Share of the device time of used steps whose launch is in the trace."""
    calls: int
    """That launched one of these kernels or more."""
    graphs: int
    """Of these calls those that launch a whole CUDA graph."""
    call_median_ns: float | None
    """None where no call is in the trace."""
    calls_ns: int
    """Durations of these calls added up."""
    queue: Queue | None
    """None where no call is in the trace."""
    under_10_us: Short
    under_call: Short
    """Shorter than the call that launched them; a graph's call counts in equal parts."""


class Operators(msgspec.Struct, frozen=True, kw_only=True):
    """Operators in used steps, on threads that launch kernels."""

    count: int
    """Those within others included."""
    busy_ns: int
    """When one of them or more ran."""


class BlockingRow(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one name that return only once the device has caught up, by who makes them."""

    call: str
    operator: str
    """The outermost operator around the call; empty: none, so a program calls it itself."""
    copies: str
    """Direction, as in `CopyRow`, where it copies something; else empty."""
    count: int
    total_ns: int


class GapRow(msgspec.Struct, frozen=True, kw_only=True):
    """A long time in which nothing ran on the device; on a CPU, no operator."""

    step: int | None
    """Number of the step; None where the trace marks none."""
    start_ns: int
    """Since the first row of the trace."""
    length_ns: int
    doing: str
    """What took most of it on the thread that ended it; empty: nothing that the trace names."""
    doing_kind: str
    """operator, annotation, launch (any call of the runtime), none (Python, framework), or
    unknown where no thread is known."""
    doing_ns: int
    """How much of the gap it took."""
    operator: str
    """The outermost operator around it, where that is another row; else empty."""
    before: str
    """The operator, or else the kernel, that ended the gap."""


class WaitedRow(msgspec.Struct, frozen=True, kw_only=True):
    """Idle time that ended with work of one operator."""

    operator: str
    """The outermost one around the launch, else the kernel itself; empty: not known."""
    count: int
    """Gaps."""
    total_ns: int
    """Their length, added up."""


class StreamRow(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of the device within the used steps."""

    stream: int
    count: int
    """Kernels, copies and fills."""
    busy_ns: int
    idle_ns: int
    """The rest of the steps' time."""
    cls: str = msgspec.field(name="class")
    """The class of kernels that takes most of its time."""


class CopyRow(msgspec.Struct, frozen=True, kw_only=True):
    """Copies of the used steps in one direction, between memories of one kind."""

    direction: str
    """HtoD, DtoH, DtoD, HtoH or PtoP (between devices); unknown where the name does not say."""
    memory: str
    """Of the host: pageable, pinned, managed; empty for the device, or where it is not told."""
    count: int
    total_ns: int
    recorded: int
    """Copies whose size is recorded."""
    bytes: int
    """Of these."""
    gb_per_s: float | None
    """10^9 bytes a second, of these; None where no size or no time is recorded."""


class ThreadRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thread of a CPU's trace within the used steps."""

    process: str
    thread: str
    operators: int
    busy_ns: int
    """When an operator ran on it."""
    idle_ns: int
    """The rest of the steps' time."""


class OptimizerWork(msgspec.Struct, frozen=True, kw_only=True):
    """Kernels that the optimizer launched."""

    kernels: int
    work_ns: int
    """Their durations added up."""
    idle_ns: int
    """Of the gaps that one of them ends."""
    style: str
    """fused, foreach (several parameters a kernel) or single, as its kernels' names say."""
    name: str
    """As the annotation of its step says (SGD); empty where there is none."""


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """How well the host kept the device busy."""

    by_us: bool
    """Whether `run --profile` wrote the trace."""
    is_compiled: bool
    """Whether kernels of inductor, or its graphs, are in it."""
    launches: Launches | None
    """None on a CPU, or where no kernel ran."""
    operators: Operators | None = None
    """None on a CPU, or where none is in the trace."""
    blocking: list[BlockingRow]
    """Most time first."""
    loading_ns: int
    """When the host waited for a batch, whether the device was busy or not."""
    loads_alone: bool
    """Whether batches are made in the training process itself (DataLoader without workers)."""
    gap_count: int
    gaps_of_half: int
    """How many of the longest gaps make up half of the idle time."""
    gaps: list[GapRow]
    """The longest."""
    waited_for: list[WaitedRow]
    """Most time first; they add up to the idle time."""
    streams: list[StreamRow]
    """Busiest first, at most 64."""
    copies: list[CopyRow]
    """Most time first."""
    threads: list[ThreadRow]
    """Of a trace without a device; busiest first, at most 64."""
    optimizer: OptimizerWork | None
    """None where the trace tells no optimizer's kernels."""


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to change, with the most that it can save."""

    kind: AdviceKind
    gain_ns: int
    """The most that it can save of the used steps, each piece of advice by itself."""
    share: float
    """Of the steps' time."""
    evidence: dict[str, int | float | str]
    """Figures of the report that it rests on."""
