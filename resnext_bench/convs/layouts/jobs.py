"""What processes that hold torch are told, and what they answer; without torch.

One times norms and pools in either layout, and conversions of maps; another profiles whole steps.
"""

from typing import Final, Literal

import msgspec

from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.resnext.traffic import Dtype

MapKind = Literal["convert", "norm", "max_pool", "mean_pool", "lrn"]
SIDES: Final[dict[bool, tuple[str, ...]]] = {
    True: ("to nchw", "to nhwc"),
    False: ("nhwc forward", "nchw forward", "nhwc backward", "nchw backward"),
}
"""Sides of a task, in the order of its samples: of a conversion, and of anything else."""


class MapTask(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is timed on a map."""

    kind: MapKind
    shape: tuple[int, int, int, int]
    """Batch, channels, height and width of the map that is read."""
    dtype: Dtype
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    has_gradient: bool = True
    """Whether the gradient of what is read is computed."""


class MapsJob(msgspec.Struct, frozen=True, kw_only=True):
    """All that the process is told."""

    tasks: tuple[MapTask, ...]
    rounds: int
    """Counted rounds, after one that does not count."""
    block_s: float
    threads: int
    cores: tuple[int, ...]
    """Cores that the process is bound to, as a rank is."""


class MapsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A line of its answer: how far it is, and the samples of the task that it has done."""

    done: int
    samples_us: tuple[tuple[float, ...], ...]
    """µs of a call [sides][rounds], with the sides in the order of `SIDES`."""


class StepsJob(msgspec.Struct, frozen=True, kw_only=True):
    """What the process that profiles whole steps is told; it answers with an `InStep` for each."""

    configs: tuple[RunConfig, ...]
    steps: int
    cores: tuple[int, ...]
    """Cores that the process is bound to, as a rank is."""
