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
    """Of the forward pass: the papers' "FLOPs"."""
    forward_flop: int
    """Two for each multiply-add."""
    training_flop: int
    activation_bytes: int
    """What one image leaves for backward, in fp32."""
    activation_bytes_mixed: int
    """The same under autocast."""


class StageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the paper's table: layers that belong together."""

    name: str
    size: int
    """Edge of its output, pixels."""
    lines: tuple[str, ...]
    """What it is made of, as the papers write it."""
    times: int
    """How often that follows itself."""
    parameters: int
    multiply_adds: int


class ModelSheet(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one network without running it."""

    model: ModelRow
    about: str
    """Paper, table and what is special, in a line."""
    stages: tuple[StageRow, ...]
    parameter_bytes: int
    """In fp32, with batch norm's statistics."""
    gradient_bytes: int
    momentum_bytes: int


class FloorRow(msgspec.Struct, frozen=True, kw_only=True):
    """Layers that are alike; times are of one of them."""

    kind: Kind
    shape: str
    """Kernel and groups: "3x3 g32"; empty where there is none."""
    reads: str
    """Channels and edge of what it reads: "128 @ 56"."""
    gives: str
    layers: tuple[str, ...]
    flop_per_byte: float
    """Arithmetic intensity of all directions together."""
    forward_us: float
    input_gradient_us: float
    weight_gradient_us: float
    total_us: float
    """All directions of all."""
    bound: Bound
    """Of most of its time."""


class Roofline(msgspec.Struct, frozen=True, kw_only=True):
    """Floors of one training step."""

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
    """Every kernel at its floor, one after the other."""
    images_per_s: float
    products_ms: float
    """The step's FLOP at the device's rate: what MFU is measured by."""
    memory_bound_percent: float
    """Of the step's floor."""
    mfu_percent: float
    """The most that one kernel for each layer can reach."""
