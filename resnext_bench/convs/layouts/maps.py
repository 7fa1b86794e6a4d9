"""What is timed beside convolutions: norms and pools in either layout, and conversions of maps.

A process of its own holds torch; what it is told and what it answers stands here, without torch.
"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from resnext_bench.convs.layouts.child import answers
from resnext_bench.resnext.traffic import Dtype

MapKind = Literal["convert", "norm", "max_pool", "mean_pool", "lrn"]
CHILD: Final = "resnext_bench.convs.measuring.maps"
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


Tell = Callable[[str, int, int], None]
"""Called with the activity, how many items are done, and of how many."""


def time_maps(job: MapsJob, tell: Tell) -> list[tuple[tuple[float, ...], ...]]:
    """Return the samples of each task."""
    activity, total = "norms, pools and conversions in turn", len(job.tasks)
    tell(activity, 0, total)
    found = []
    for answer in answers(CHILD, job, job.threads, MapsAnswer):
        found.append(answer.samples_us)
        tell(activity, answer.done, total)
    return found
