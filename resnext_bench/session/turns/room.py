"""Whether memory can hold both sides of a duet at once."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from resnext_bench.config.shared_memory import Demand, NoSharedMemory, demand_of, lack_for
from resnext_bench.errors import CannotHere
from resnext_bench.launch.failure import is_lack_of_memory
from resnext_bench.launch.resident import Resident
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.gpu import nvml
from resnext_bench.machine.host.memory import free_memory_gib, peak_resident_gib
from resnext_bench.session.runs.recording import Recording

SECOND_SIDE: Final = 1.25
"""Memory the second side may need, over what the first one took, for the same images a step."""


class NoRoom(CannotHere):
    """Memory cannot hold both sides at once."""


@contextmanager
def room_is_sought() -> Iterator[None]:
    """A side that memory runs out for beside the other is no failure: alone it may have enough."""
    try:
        yield
    except SessionFailed as failed:
        if not is_lack_of_memory(failed.failure):
            raise
        raise NoRoom(
            f"memory cannot hold both sides ({failed.failure.what}); "
            "use --design relaunch, or a smaller --batch-size"
        ) from failed


@contextmanager
def no_room_told() -> Iterator[None]:
    """Of two sides, shared memory may hold one after the other."""
    try:
        yield
    except NoSharedMemory as error:
        raise NoRoom(f"{error}, or use --design relaunch") from error


def require_room(side: Resident, first: Recording, second: Recording, free_gib: float) -> None:
    """Raise NoRoom when the second side, judged by the first, would not fit beside it.

    `free_gib` is what the GPUs had free before the first one started.
    """
    share = SECOND_SIDE * max(1.0, _pixels(second) / _pixels(first))
    left_gib = gpu_free_gib(first.gpu_indices())
    needs = [("memory", share * peak_resident_gib(side.processes.pids), free_memory_gib())]
    if math.isfinite(left_gib):
        needs.append(("GPU memory", share * (free_gib - left_gib), left_gib))
    for what, needed, there in needs:
        if needed > there:
            raise NoRoom(
                f"{what} cannot hold both sides: about {needed:.1f} GiB for the second one, "
                f"{there:.1f} GiB are free; use --design relaunch, or a smaller --batch-size"
            )


def require_shared_memory_for(*runs: Recording) -> None:
    """Refuse sides whose batches shared memory cannot hold at once, as they are all alive."""
    if why := lack_for(list(_demands(runs))):
        raise NoSharedMemory(f"{len(runs)} sides at once: {why}")


def _demands(runs: Sequence[Recording]) -> Iterator[Demand]:
    for run in runs:
        topology = run.topology
        ranks = topology.nproc_per_node if run.member else len(topology.places)
        # The second loader of a side has another number of processes.
        for processes in filter(None, (run.config.loader_threads, run.other_threads)):
            if demand := demand_of(run.config, ranks, processes):
                yield demand


def gpu_free_gib(indices: Sequence[int]) -> float:
    """Least free memory of these GPUs, GiB; infinite without one, and where it is not told."""
    with nvml.session() as library:
        if library is None or not indices:
            return math.inf
        try:
            handles = nvml.visible_handles(library)
            free = [library.nvmlDeviceGetMemoryInfo(handles[index]).free for index in indices]
        except library.NVMLError:  # a lost GPU: its ranks have more to say of it
            return math.inf
        return float(min(free)) / 2**30


def _pixels(run: Recording) -> int:
    """What activations grow with."""
    return run.config.global_batch_size * run.config.image_size**2
