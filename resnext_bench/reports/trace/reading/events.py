"""The rows of a trace file: only the fields that a report uses, as msgspec decodes them.

Kineto writes Chrome's trace format: `{"traceEvents": [{"ph": "X", "cat": "kernel", "name": ...,
"pid": 0, "tid": 7, "ts": 12.345, "dur": 1.5, "args": {...}}, ...]}`, times in microseconds. Names
of fields have changed over the years (`External id` was `external id`): all of them are here.
"""

import math
from typing import Final

import msgspec
from msgspec import field

NOTHING: Final = msgspec.Raw()
NAN: Final = math.nan


class Args(msgspec.Struct, frozen=True, gc=False):
    """What kineto says besides, of a kernel, a call of the runtime, or an operator."""

    correlation: int = -1
    device: int = -1
    stream: int | str = -1
    external: int = field(default=-1, name="External id")
    external_before: int = field(default=-1, name="external id")
    sequence: int = field(default=-1, name="Sequence number")
    forward_thread: int = field(default=-1, name="Fwd thread id")
    dims: msgspec.Raw = field(default=NOTHING, name="Input Dims")
    strides: msgspec.Raw = field(default=NOTHING, name="Input Strides")
    types: msgspec.Raw = field(default=NOTHING, name="Input type")
    inputs: msgspec.Raw = field(default=NOTHING, name="Concrete Inputs")
    name: msgspec.Raw = NOTHING
    """Name of a process, in rows that have neither category nor duration."""
    labels: msgspec.Raw = NOTHING
    bytes: int | float | str | None = None
    """Of a copy or a fill."""
    hierarchy: msgspec.Raw = field(default=NOTHING, name="Module Hierarchy")
    stack: msgspec.Raw = field(default=NOTHING, name="Call stack")
    node: int = field(default=-1, name="graph node id")
    """Of work that a graph launched; some versions put the graph's own number into the upper half,
    and write 0 for what no graph launched."""


NO_ARGS: Final = Args()


class Event(msgspec.Struct, frozen=True, gc=False):
    """One row; `ts` and `dur` in microseconds, NaN where the row has none."""

    cat: str = ""
    name: str = ""
    ts: float = NAN
    dur: float = NAN
    pid: int | str | None = None
    tid: int | str | None = None
    args: Args = NO_ARGS


class DetailedArgs(Args, frozen=True, gc=False):
    """What only questions ask for besides: it is not free to look for more fields."""

    grid: msgspec.Raw = NOTHING
    block: msgspec.Raw = NOTHING
    registers: msgspec.Raw = field(default=NOTHING, name="registers per thread")
    shared: msgspec.Raw = field(default=NOTHING, name="shared memory")
    collective: msgspec.Raw = field(default=NOTHING, name="Collective name")
    sent: msgspec.Raw = field(default=NOTHING, name="In msg nelems")
    received: msgspec.Raw = field(default=NOTHING, name="Out msg nelems")
    dtype: msgspec.Raw = NOTHING
    group: msgspec.Raw = field(default=NOTHING, name="Process Group Name")
    group_told: msgspec.Raw = field(default=NOTHING, name="Process Group Description")
    members: msgspec.Raw = field(default=NOTHING, name="Process Group Ranks")
    group_size: msgspec.Raw = field(default=NOTHING, name="Group size")


class DetailedEvent(Event, frozen=True, gc=False):
    """One row with details."""

    args: DetailedArgs = DetailedArgs()


class MemoryArgs(Args, frozen=True, gc=False):
    """What the profiler says of an allocation; looked for only where there are any."""

    device_type: int | str | None = field(default=None, name="Device Type")
    device_number: int | str | None = field(default=None, name="Device Id")
    size: int | float | str | None = field(default=None, name="Bytes")
    address: int | float | str | None = field(default=None, name="Addr")
    total: int | float | str | None = field(default=None, name="Total Allocated")
    reserved: int | float | str | None = field(default=None, name="Total Reserved")


class MemoryEvent(Event, frozen=True, gc=False):
    """One row, which may be an allocation."""

    args: MemoryArgs = MemoryArgs()


DECODERS: Final[dict[type[Event], msgspec.json.Decoder[list[Event]]]] = {
    row: msgspec.json.Decoder(list[row])  # type: ignore[valid-type]
    for row in (Event, DetailedEvent, MemoryEvent)
}
LAX: Final[dict[type[Event], msgspec.json.Decoder[Event]]] = {
    row: msgspec.json.Decoder(row, strict=False) for row in (Event, DetailedEvent, MemoryEvent)
}
"""Of one event, whose numbers may be text."""
RAW: Final = msgspec.json.Decoder(list[msgspec.Raw])
"""Of events that are not looked into."""
