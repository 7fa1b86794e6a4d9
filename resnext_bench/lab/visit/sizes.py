"""The sizes of all measurements: on a GPU, and in the miniature that shows that the kit works."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["cuda", "cpu"]
MIB: Final = 2**20
PLANS: Final = "plans"
"""How the keys of tasks of cuDNN's plans begin, which share a part with PyTorch's choices."""
LAYOUTS: Final = "layouts"
"""The same of `convs layouts`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """What is measured, and for how long."""

    models: tuple[str, ...]
    """Models; most is measured of the first. They include both of each pair in `taxed`."""
    taxed: tuple[tuple[str, str], ...]
    """Pairs of ResNeXt and the ResNet with about as many FLOP, which show the cost of grouping."""
    compiled: tuple[str, ...]
    """Models that are also compiled."""
    image_size: int
    batches: tuple[int, ...]
    """Numbers of images in a step; more is measured of the first."""
    typed: tuple[str, ...]
    """Types and layouts of contests between models, peers and compilers; those between types have
    all."""
    block_s: float
    """Approximate length of a timed block, s."""
    rounds: int
    """Number of blocks of each side."""
    copy_bytes: int
    """Size of the buffer that is copied, bytes; far more than any cache holds."""
    edge: int
    """Edge of the square matrices that are multiplied."""
    load_s: float
    """Length of the load under which the clocks are observed, s."""
    conv_model: str
    """Model whose grouped convolutions are measured one by one."""
    conv_size: int
    conv_batch: int
    conv_block_s: float
    layouts: tuple[int, ...]
    """Batches of the same model for which layouts are mixed, the smallest first."""
    choices: int
    """How often cuDNN is asked to choose anew."""
    profiled_steps: int
    sessions: int
    """Number of sessions of fidelity, and of a thing compared with itself."""


FULL: Final = Sizes(
    models=("resnext50_32x4d", "resnext101_32x4d", "resnext101_32x8d", "resnet50"),
    taxed=(("resnext50_32x4d", "resnet50"),),
    compiled=("resnext50_32x4d", "resnext101_32x4d", "resnext101_32x8d", "resnet50"),
    image_size=224,
    batches=(256, 128),
    typed=("bf16 NHWC", "bf16 NCHW", "fp16 NHWC", "TF32 NHWC", "fp32 NHWC"),
    block_s=0.4,
    rounds=6,
    copy_bytes=2048 * MIB,
    edge=8192,
    load_s=3.0,
    conv_model="resnext50_32x4d",
    conv_size=224,
    conv_batch=256,
    conv_block_s=0.01,
    layouts=(32, 256),
    choices=2,
    profiled_steps=2,
    sessions=3,
)
MINIATURE: Final = Sizes(
    models=("resnext14_4x4d", "resnext14_1x64d"),
    taxed=(("resnext14_4x4d", "resnext14_1x64d"),),
    compiled=("resnext_bench.lab.visit.tiny_network:Tiny",),
    image_size=32,
    batches=(8,),
    typed=("bf16 NHWC", "bf16 NCHW", "TF32 NHWC", "fp32 NHWC"),  # a CPU emulates fp16
    block_s=0.05,
    rounds=2,
    copy_bytes=32 * MIB,
    edge=256,
    load_s=0.2,
    conv_model="resnext14_32x4d",
    conv_size=64,
    conv_batch=2,
    conv_block_s=0.005,
    layouts=(2,),
    choices=2,
    profiled_steps=1,
    sessions=1,
)


def sizes_for(kind: Kind) -> Sizes:
    """Return the full sizes for a GPU, and the miniature for a CPU."""
    return FULL if kind == "cuda" else MINIATURE
