"""Where the time of a step goes by module of the model: a part of `trace report`.

Times are integer nanoseconds in all used steps, shares are fractions of 1.
"""

import msgspec


class LayerClass(msgspec.Struct, frozen=True, kw_only=True):
    """Kernels of one class in one module."""

    cls: str = msgspec.field(name="class")
    total_ns: int


class LayerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A module, with all modules below it."""

    name: str
    """Its path: attributes joined by dots, or instances by ` > `."""
    part: str
    """The last part of its path."""
    type: str
    """Of the module, such as Conv2d; empty where it is not recorded."""
    depth: int
    """How long its path is: 1 for the outermost ones."""
    above: int | None
    """Which row of the table is the module that it stands in; None: none."""
    calls: int | None
    """Of its forward; None where the trace does not tell calls apart."""
    calls_again: int | None
    """Of its forward during backward, as activation checkpointing computes it again."""
    total_ns: int
    """Forward and backward."""
    own_ns: int
    """Of that what is in no module below it: these and the rows outside add up to all work."""
    forward_ns: int
    backward_ns: int
    """What is computed again included."""
    again_ns: int
    """Of backward what is forward work that is computed again."""
    share: float
    """Of the steps' time."""
    idle_ns: int
    """Idle time of the device that work of the module ended."""
    shape: str
    """Of its convolution or product with most FLOP; empty where none is recorded."""
    shapes: int
    """How many distinct ones it has."""
    dtype: str
    """Of that; empty likewise."""
    forward_flop: int | None
    """In all calls; None where nothing of it is known."""
    backward_flop: int | None
    uncounted_ns: int
    """Time of convolutions, products and attention whose FLOP are not known."""
    bytes: int | None
    """That must move if each kernel reads its operands and writes its results once; None where
    nothing of it is known."""
    unsized_ns: int
    """Time of kernels whose bytes are not known."""
    cut_ns: int = 0
    """Time of convolutions and products of which the range has a part: neither they nor this time
    are in FLOP, bytes and rates."""
    tflops: float | None
    """10^12 FLOP/s: the FLOP that are known over all of its time but `cut_ns`."""
    gb_per_s: float | None
    """10^9 bytes/s, likewise."""
    roof_tflops: float | None
    """What the device computes at most, in its type; None where no data sheet is known."""
    roof_gb_per_s: float | None
    classes: list[LayerClass]
    """Of its kernels, most time first."""


class OutsideRow(msgspec.Struct, frozen=True, kw_only=True):
    """Work that is in no module, by what it is for."""

    what: str
    total_ns: int
    share: float
    """Of the steps' time."""
    idle_ns: int
    classes: list[LayerClass]


class Layers(msgspec.Struct, frozen=True, kw_only=True):
    """All modules; `own_ns` of the rows and the rows outside add up to `work_ns` exactly."""

    source: str
    """What names modules in the trace: labels, python, hierarchy, stacks, or none."""
    rows: list[LayerRow]
    """Each before those below it, in the order in which they were first called."""
    outside: list[OutsideRow]
    work_ns: int
    """Durations of all work in the used steps."""
    idle_rest_ns: int
    """Idle time that no work of a used step ended: with the rows' it adds up to all of it."""
    flop_from: str
    """What FLOP are from: model (the network's own arithmetic), shapes, or none."""
    compiled: bool
    """Whether compiled regions ran, in which modules are fused."""
    shared: list[str]
    """Instances that were called by several modules: each has a row in every one of them."""
