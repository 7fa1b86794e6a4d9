"""The content of `trace memory`, which the console and `--json` both show.

All sizes are whole bytes. At the peak, parts by kind, lifetime, operator and module each add up to
the bytes that the allocator had given out, to the byte.
"""

from typing import Final, Literal, get_args

import msgspec

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_files import LeftOut

VERSION: Final = 1

MemoryKind = Literal[
    "parameters",
    "buffers",
    "gradients",
    "optimizer",
    "batch",
    "activations",
    "gradients of activations",
    "workspace",
    "temporary",
    "other",
    "before the recording",
    "not recorded",
]
"""What memory is for. Parameters, buffers (running statistics), gradients, state of the optimizer
and batches as the rank itself noted them; without its notes gradients and the optimizer's state
by when they live. Activations: allocated in the forward pass, there when backward begins, and
gone in the next step. Gradients of activations: allocated in the backward pass, and gone when it
ends. Workspace: allocated and freed within one operator. Temporary: for more than one operator,
in one step; where no steps are marked such blocks are other ones. Before the recording: in the
allocator's total, and allocated when nothing was recorded. Not recorded: by how much the
allocator's total changed without a row."""
KINDS: Final[tuple[MemoryKind, ...]] = get_args(MemoryKind)
Lifetime = Literal["operator", "step", "steps", "recording", "end", "before", "unknown"]
"""How long a block lived: within one operator; within one step; from one step into a later one, or
on from a step before the last; where no steps are marked, freed within the recording; from the last
step, from between steps, or where none are marked from any time, to the end of the recording; from
before the recording; not known."""
PassName = Literal["", "forward", "backward", "optimizer"]

Nameless = Literal["", "operator", "module", "forward", "backward", "optimizer", "before", "unseen"]
"""Why a part has no name: allocated by no operator; in no module and no pass; in none in that pass;
before the recording; or not recorded."""


class MemoryPart(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes at the peak that have something in common."""

    name: str
    """Kind, lifetime, operator or module; empty where it has none."""
    bytes: int
    blocks: int
    """Number of blocks; 0 where only their sum is known."""
    nameless: Nameless = ""
    """Empty where it has a name; in `left` an operator may be missing where a module is named."""


class MemoryBlock(msgspec.Struct, frozen=True, kw_only=True):
    """A block that was there at the peak."""

    bytes: int
    kind: MemoryKind
    lifetime: Lifetime
    name: str
    """What the rank noted: name of a parameter, a gradient, ...; else empty."""
    operator: str
    """Operator that allocated it; empty where none did."""
    module: str
    """Module of the model in which it was allocated; empty: in none."""
    step: int | None
    """Step in which it was allocated; None: in none, or before the recording."""
    pass_: PassName = msgspec.field(name="pass")
    """Pass in which it was allocated; empty: in none."""
    since_ns: int | None
    """How long it had been there; None: since before the recording."""


class Peak(msgspec.Struct, frozen=True, kw_only=True):
    """The moment with most memory given out."""

    bytes: int
    reserved: int | None
    """Bytes that the allocator held then; None where that is not recorded, as on a CPU."""
    reserved_most: int | None
    """Most bytes that it held at any time."""
    at_ns: int
    """Since the trace began."""
    step: int | None
    """None: between steps."""
    pass_: PassName = msgspec.field(name="pass")
    operator: str
    module: str
    kinds: list[MemoryPart]
    lifetimes: list[MemoryPart]
    operators: list[MemoryPart]
    modules: list[MemoryPart]
    blocks: list[MemoryBlock]
    """All that was there, the largest first."""
    before: int
    """Bytes given out before the recording that were still there, or never seen to be freed."""
    not_recorded: int
    """By how much the total had changed without a row; 0 in a whole recording."""


class StepMemory(msgspec.Struct, frozen=True, kw_only=True):
    """The memory of one step."""

    number: int
    first: int
    """Bytes given out when it began."""
    peak: int
    pass_: PassName = msgspec.field(name="pass")
    """Pass in which its peak is."""
    last: int
    """Bytes given out when it ended."""
    activations: int | None
    """Bytes that its forward pass allocated and that were there when its backward pass began, for
    however long after that; None: the step has no backward pass."""


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """What is left more after each step than after the one before."""

    per_step: int
    """Median of the differences between ends of steps."""
    steps: int
    """Number of differences."""
    is_growing: bool
    """Whether at each end of a step there is more than at the one before."""
    left: list[MemoryPart]
    """What is left of the blocks that steps allocated, without the last step's, by operator and
    module, most first."""


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Most bytes given out in equal parts of the time."""

    begin_ns: int
    bin_ns: float
    allocated: list[int]
    reserved: list[int | None]
    """Most that was held in each; None where that is not recorded."""
    marks: list[tuple[str, int]]
    """Names and beginnings, ns, of steps."""


class Resident(msgspec.Struct, frozen=True, kw_only=True):
    """What was there before the recording and all the time, as the rank itself noted."""

    is_in_total: bool
    """Whether the allocator's total has it. A CPU's begins at 0 with the first recording of a
    process."""
    kinds: list[MemoryPart]


class Calculated(msgspec.Struct, frozen=True, kw_only=True):
    """What the network needs by calculation (`models memory`), beside what was measured."""

    parameters: int
    gradients: int
    optimizer: int
    batch: int
    activations: int
    peak: int
    peak_in: str
    buckets: int
    """Bytes of DDP's buckets beside the gradients, which are calculated as a part of them and of
    the peak; a rank does not note them."""
    measured: dict[str, int]
    """Bytes of the same kinds, likewise; of the peak with what is not in the total."""


class DeviceMemory(msgspec.Struct, frozen=True, kw_only=True):
    """The memory of one device."""

    device: str
    """`CPU`, or `GPU 0`."""
    rows: int
    """Allocations and frees recorded."""
    has_totals: bool
    """Whether the allocator's totals are recorded; otherwise they count from the first row."""
    has_addresses: bool
    """Whether blocks have addresses; otherwise frees are paired with allocations by size."""
    before: int
    """Bytes that were given out before the first row, as far as the total has them."""
    peak: Peak
    steps: list[StepMemory]
    growth: Growth | None
    """None with fewer than two steps."""
    timeline: Timeline
    resident: Resident | None
    """None without notes of the rank."""
    calculated: Calculated | None
    """None where the network is not ours, or without notes of the rank."""


class MemoryReport(msgspec.Struct, frozen=True, kw_only=True):
    """The memory of one trace."""

    kind: str = "memory"
    version: int = VERSION
    file: str
    rank: int | None
    noted: bool
    """Whether the rank itself noted what is a parameter, a gradient, ..."""
    devices: list[DeviceMemory]
    """The one with most memory first."""
    facts: list[Note]
    """What to doubt, as kinds with values."""
    warnings: list[str] = []
    """The sentences of `facts`, for readers; filled where the report is written as JSON."""


class MemoryReports(msgspec.Struct, frozen=True, kw_only=True):
    """The memory of several ranks."""

    kind: str = "memories"
    version: int = VERSION
    ranks: list[MemoryReport]
    facts: list[Note] = []
    warnings: list[str] = []
    left_out: list[LeftOut] = []


class PeakOnly(msgspec.Struct, frozen=True, kw_only=True):
    """The peak of one device, as `trace report` tells it."""

    device: str
    bytes: int
    has_totals: bool
    at_ns: int
    step: int | None
    pass_: PassName = msgspec.field(name="pass")


def schema() -> dict[str, object]:
    """Return the JSON Schema (2020-12) of `trace memory --json`: of one rank, or of several."""
    kinds = (MemoryReport, MemoryReports)
    schemas, components = msgspec.json.schema_components(kinds)
    return {"anyOf": list(schemas), "$defs": components}
