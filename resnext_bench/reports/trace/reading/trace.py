"""One trace in memory: columns of what ran on the host and on the device, in integer nanoseconds.

Rows that no figure needs (flow arrows, Python frames, marks) are counted and dropped. What tells
the module that ran stands apart from the rows of the host, which nothing of it can disturb.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.trace.names.attention import Attention
from resnext_bench.reports.trace.names.convs import Conv
from resnext_bench.reports.trace.names.products import Product
from resnext_bench.reports.trace.reading.unread import Unread

Ns = NDArray[np.int64]
Ids = NDArray[np.int32]


class Kind(IntEnum):
    """What a row is."""

    OPERATOR = 0
    ANNOTATION = 1
    LAUNCH = 2
    """A call of the runtime or driver API, whether it launches anything or not."""
    KERNEL = 3
    COPY = 4
    """Memcpy of any direction."""
    FILL = 5
    """Memset."""
    MODULE = 6
    """A call of a module, as Python's profiler saw it: `nn.Module: Conv2d_3`."""
    HIERARCHY = 7
    """An operator that says which module of TorchScript it is in: `Module Hierarchy`."""
    STACK = 8
    """An operator that says which lines of Python called it: `Call stack`."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Columns of equal length; times in ns since the trace's `origin_ns`."""

    start: Ns
    duration: Ns
    name: Ids
    """Index into `Trace.names`; of modules into `Trace.modules_told`."""
    kind: NDArray[np.int8]
    key: Ns
    """Number that a kernel shares with the call that launched it (`correlation`); of an operator
    its `External id`; -1: none."""

    def __len__(self) -> int:
        return len(self.start)

    @property
    def end(self) -> Ns:
        """Where each row ends, ns."""
        return self.start + self.duration

    def take(self, which: NDArray[Any]) -> Self:
        """Some of the rows, or all in another order."""
        return replace(self, **{one.name: getattr(self, one.name)[which] for one in fields(self)})


@dataclass(frozen=True, kw_only=True)
class Host(Rows):
    """Operators, annotations and calls of the runtime, by thread and start, parents first."""

    thread: Ids
    """Index into `Trace.threads`."""
    sequence: Ids
    """Sequence number of autograd; -1: none."""
    conv: Ids
    """Index into `Trace.convs`; -1: no convolution."""
    forward_thread: NDArray[np.int16]
    """Of a backward operator the thread of its forward, as autograd counts threads (from 1); 0: it
    is a forward operator; -1: not told (`Fwd thread id`)."""

    @property
    def backward(self) -> NDArray[np.bool_]:
        """Whether each row names the thread of a forward operator: it is backward."""
        named: NDArray[np.bool_] = self.forward_thread > 0
        return named


@dataclass(frozen=True, kw_only=True)
class Device(Rows):
    """Kernels, copies and fills, by start."""

    device: Ids
    stream: Ns
    external: Ns
    """`External id`, which a row may share with an operator; -1: none."""
    bytes: Ns
    """That a copy or a fill moved; -1: not recorded."""
    node: Ns
    """`graph node id`, the graph's own number in the upper 32 bits in some versions; 0 and -1: of
    no graph, or not recorded."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Products:
    """Matrix products and attention, of which few rows of the host are any."""

    row: Ids
    """Rows of the host, in order."""
    which: Ids
    """Index into `distinct` of each of them."""
    distinct: tuple[Product | Attention, ...]

    def of_rows(self, kept: NDArray[np.bool_]) -> Self:
        """Return those of the rows of the host that are kept, numbered as these are then."""
        mine = kept[self.row]
        number = np.cumsum(kept, dtype=np.int32) - np.int32(1)
        return replace(self, row=number[self.row[mine]], which=self.which[mine])


@dataclass(frozen=True, kw_only=True)
class Modules(Rows):
    """What tells which module ran when, by thread and start, parents first."""

    thread: Ids
    """Index into `Trace.threads`."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Allocations and frees that the profiler saw, by time, else as they stand in the file."""

    time: Ns
    thread: Ids
    """Index into `Trace.threads`."""
    device: Ns
    """Type of device and its number in one: `device_key`."""
    bytes: Ns
    """Above 0 where bytes were allocated, below where they were freed."""
    address: Ns
    """Of the block; UNTOLD in old traces."""
    total: Ns
    """Bytes that the allocator had given out afterwards; UNTOLD in old traces."""
    reserved: Ns
    """Bytes that it held then; UNTOLD, or 0 where it holds nothing back."""

    def __len__(self) -> int:
        return len(self.time)

    def take(self, which: NDArray[Any]) -> Self:
        """Some of the rows, or all in another order."""
        return replace(self, **{one.name: getattr(self, one.name)[which] for one in fields(self)})


UNTOLD: Final = int(np.iinfo(np.int64).min)
"""In place of a number of memory that a row does not have."""
_NUMBERS: Final = 1 << 16
"""More devices than there are of a type."""


def device_key(kind: int, number: int) -> int:
    """Return one number for a device: of its type (PyTorch counts types, CPU 0) and its index."""
    return kind * _NUMBERS + number + 1


def device_of(key: int) -> tuple[int, int]:
    """Return type and index of a device; index -1: it has none, as a CPU."""
    kind, number = divmod(key, _NUMBERS)
    return kind, number - 1


def _no_memory() -> Memory:
    none = np.empty(0, np.int64)
    return Memory(
        time=none,
        thread=np.empty(0, np.int32),
        device=none,
        bytes=none,
        address=none,
        total=none,
        reserved=none,
    )


def _no_modules() -> Modules:
    return Modules(
        start=np.empty(0, np.int64),
        duration=np.empty(0, np.int64),
        name=np.empty(0, np.int32),
        kind=np.empty(0, np.int8),
        key=np.empty(0, np.int64),
        thread=np.empty(0, np.int32),
    )


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What one file holds."""

    path: Path
    header: Mapping[str, Any]
    origin_ns: int
    """Time of zero, in ns since the epoch where the trace says so (`baseTimeNanoseconds`)."""
    resolution_ns: float
    """Of its time stamps: 1 where they are decimal ns, 1000 in traces that tell whole us."""
    host: Host
    device: Device
    names: tuple[str, ...]
    threads: tuple[tuple[int | str | None, int | str | None], ...]
    """Process and thread, as the trace names them."""
    convs: tuple[Conv, ...]
    products: Products
    events: int
    """Rows of any kind in the file."""
    size: int
    """Bytes of the file once decompressed."""
    categories: Mapping[str, int]
    """Rows of each category, those that are dropped included."""
    facts: tuple[Note, ...]
    """What to doubt of what was read."""
    unread: tuple[Unread, ...] = ()
    """Rows with a duration that no figure is made of, as what they are is not known."""
    accelerator: str = ""
    """What kind of device its categories and processes speak of, such as `XPU`; empty: none."""
    texts: tuple[str, ...] = ()
    """Distinct texts of arguments, where the trace was read with details."""
    modules: Modules = field(default_factory=_no_modules)
    """Empty where the trace tells none, or was read without."""
    modules_told: tuple[str, ...] = ()
    """What `Modules.name` is an index into: names of calls, hierarchies, stacks."""
    memory: Memory = field(default_factory=_no_memory)
    """Empty where memory was not profiled."""

    @property
    def on_device(self) -> bool:
        """Whether anything ran on a GPU."""
        return len(self.device) > 0
