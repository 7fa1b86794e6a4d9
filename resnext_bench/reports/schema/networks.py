"""What is known of networks without running them: sizes, arithmetic, memory, floors on a device."""

import msgspec

from resnext_bench.resnext.layers import Kind
from resnext_bench.resnext.roofline import Bound
from resnext_bench.resnext.spec import Form
from resnext_bench.resnext.traffic import Dtype, Layout


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One network, for one image of `image_size`."""

    name: str
    image_size: int
    parameters: int
    multiply_adds: int
    """Multiply-adds of the forward pass, which the papers call "FLOPs"."""
    forward_flop: int
    """FLOP of the forward pass: two for each multiply-add."""
    training_flop: int
    activation_bytes: int
    """Bytes that one image leaves for the backward pass in fp32."""
    activation_bytes_mixed: int
    """Bytes that one image leaves for the backward pass under autocast."""


class StageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the paper's table: layers that belong together."""

    name: str
    size: int
    """Edge of the output, pixels."""
    lines: tuple[str, ...]
    """Its layers, as the papers write them."""
    times: int
    """How many times `lines` follow one another."""
    parameters: int
    multiply_adds: int


class ModelSheet(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one network without running it."""

    model: ModelRow
    about: str
    """Paper, table and special features of the network, in one line."""
    stages: tuple[StageRow, ...]
    parameter_bytes: int
    """Bytes of the parameters in fp32, with the statistics of batch norm."""
    gradient_bytes: int
    momentum_bytes: int


class FloorRow(msgspec.Struct, frozen=True, kw_only=True):
    """Layers that are alike; unless stated otherwise, times are those of one of them."""

    kind: Kind
    shape: str
    """Kernel and groups, such as "3x3 g32"; empty for layers without a kernel."""
    reads: str
    """Channels and edge of the input, such as "128 @ 56"."""
    gives: str
    layers: tuple[str, ...]
    flop_per_byte: float
    """Arithmetic intensity of all directions together, FLOP/byte."""
    forward_us: float
    input_gradient_us: float
    weight_gradient_us: float
    total_us: float
    """Time of all these layers in all directions, us."""
    bound: Bound
    """What limits these layers for most of their time."""


class Roofline(msgspec.Struct, frozen=True, kw_only=True):
    """The floors of one training step."""

    model: str
    form: Form
    batch: int
    image_size: int
    dtype: Dtype
    layout: Layout
    device: str
    source: str
    tflops: float
    gb_per_s: float
    rows: tuple[FloorRow, ...]
    optimizer_us: float
    step_ms: float
    """Time of a step with every kernel at its floor, one after another, ms."""
    images_per_s: float
    products_ms: float
    """Time of the step's FLOP at the device's peak rate, ms; MFU is measured by it."""
    memory_bound_percent: float
    """Share of the step's floor that memory limits, per cent."""
    mfu_percent: float
    """Highest MFU that one kernel for each layer can reach, per cent."""
