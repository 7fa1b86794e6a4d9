"""How large everything is: on a GPU, and in the miniature that shows that the kit works."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["cuda", "cpu"]
MIB: Final = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """What is measured, and for how long."""

    models: tuple[str, ...]
    """The first is the one that most is asked of; of each pair of `taxed` both are among them."""
    taxed: tuple[tuple[str, str], ...]
    """ResNeXt and the ResNet of about as many FLOP: what grouping costs."""
    compiled: tuple[str, ...]
    """Those that are compiled, too."""
    image_size: int
    batches: tuple[int, ...]
    """Images of a step; the first is asked more of."""
    block_s: float
    """A timed block lasts about as long."""
    rounds: int
    """Blocks of each side."""
    copy_bytes: int
    """Of the buffer that is copied; far more than any cache holds."""
    edge: int
    """Of the square matrices that are multiplied."""
    load_s: float
    """Of the load under which the clocks are looked at."""
    conv_model: str
    """Whose grouped convolutions are taken one by one."""
    conv_size: int
    conv_batch: int
    conv_block_s: float
    choices: int
    """How often cuDNN is asked to choose anew."""
    profiled_steps: int
    sessions: int
    """Of fidelity, and of a thing against itself."""


FULL: Final = Sizes(
    models=("resnext50_32x4d", "resnext101_32x4d", "resnext101_32x8d", "resnet50"),
    taxed=(("resnext50_32x4d", "resnet50"),),
    compiled=("resnext50_32x4d", "resnext101_32x4d", "resnext101_32x8d", "resnet50"),
    image_size=224,
    batches=(256, 128),
    block_s=0.4,
    rounds=6,
    copy_bytes=2048 * MIB,
    edge=8192,
    load_s=3.0,
    conv_model="resnext50_32x4d",
    conv_size=224,
    conv_batch=256,
    conv_block_s=0.01,
    choices=2,
    profiled_steps=2,
    sessions=3,
)
MINIATURE: Final = Sizes(
    models=("resnext14_4x4d", "resnext14_1x64d"),
    taxed=(("resnext14_4x4d", "resnext14_1x64d"),),
    compiled=("resnext_bench.lab.visit.tiny:Tiny",),
    image_size=32,
    batches=(8, 6),
    block_s=0.05,
    rounds=2,
    copy_bytes=32 * MIB,
    edge=256,
    load_s=0.2,
    conv_model="resnext14_32x4d",
    conv_size=64,
    conv_batch=2,
    conv_block_s=0.005,
    choices=2,
    profiled_steps=1,
    sessions=1,
)


def sizes_for(kind: Kind) -> Sizes:
    """In full on a GPU."""
    return FULL if kind == "cuda" else MINIATURE
