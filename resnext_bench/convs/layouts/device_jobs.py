"""What the program and the process that times layouts on a GPU say to each other, line by line.

The job goes to its standard input, and messages come from its standard output, each as JSON. No
torch is needed to read them.
"""

import msgspec

from resnext_bench.convs.layouts.jobs import MapTask
from resnext_bench.reports.schema.convs import Convolution
from resnext_bench.resnext.convolutions import Operation


class Group(msgspec.Struct, frozen=True, kw_only=True, tag="group"):
    """One operation of one convolution in several types and layouts, which take turns."""

    operation: Operation
    sides: tuple[Convolution, ...]


class OfMap(msgspec.Struct, frozen=True, kw_only=True, tag="map"):
    """A norm, a pool or a conversion of a map."""

    task: MapTask


Item = Group | OfMap
"""What is timed in one go."""


class DeviceJob(msgspec.Struct, frozen=True, kw_only=True):
    """All that one process is to time."""

    items: tuple[tuple[int, Item], ...]
    """Items with their places in the whole list."""
    rounds: int
    """Counted rounds, after one that does not count."""
    block_s: float


class SideFound(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found of one side of an item."""

    samples_us: tuple[float, ...] = ()
    """µs of a call in each round; empty where it could not run."""
    kernel: str = ""
    """The longest kernel of a call; empty where a profile told none."""
    kernels: tuple[str, ...] = ()
    """All kernels of a call, in their order."""
    error: float | None = None
    """||found - exact|| / ||exact|| against float64; None where nothing ran, or it holds NaN, and
    for what is no convolution."""
    is_wrong: bool = False
    """Whether its result is off by more than rounding explains, or holds NaN."""
    is_captured: bool = True
    """Whether its calls are a CUDA graph; the host's time is in it otherwise."""
    sets: int = 1
    """Number of sets of tensors through which its calls go in turn."""
    why: str = ""
    """Why it could not run, in one line."""


class Begun(msgspec.Struct, frozen=True, kw_only=True, tag="begun"):
    """The device is there."""

    device: str
    cache_bytes: int
    torch: str
    cudnn: int | None
    """Version of cuDNN as it numbers itself; None where torch has none."""


class Working(msgspec.Struct, frozen=True, kw_only=True, tag="working"):
    """An item is at work: what ends the process now is its fault."""

    at: int


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """An item was timed."""

    at: int
    sides: tuple[SideFound, ...]


class Unable(msgspec.Struct, frozen=True, kw_only=True, tag="unable"):
    """Nothing can be timed here."""

    why: str


Message = Begun | Working | Done | Unable


def read(line: bytes) -> Message:
    """Read a message."""
    found: Message = msgspec.json.decode(line, type=Message)
    return found
