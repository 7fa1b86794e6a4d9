"""Checks whether memory can hold several sides at once."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

from resnext_bench.config.gpu_fit import ALLOW_PROCESSES, exclusive_gpus
from resnext_bench.config.memory import Demand, NoSharedMemory, demand_of, lack_for
from resnext_bench.errors import Advised, CannotHere
from resnext_bench.launch.failure import is_lack_of_memory
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.gpu.monitor import monitor
from resnext_bench.machine.host.memory import free_memory_gib, peak_resident_gib
from resnext_bench.session.setup import Setup

SECOND_SIDE: Final = 1.25
"""Memory that a second side may need, relative to the first, for the same images per step."""


class NoRoom(Advised, CannotHere):
    """Memory cannot hold both sides at once."""


@contextmanager
def memory_sought(refusal: Callable[[str], CannotHere]) -> Iterator[None]:
    """If memory runs out in the body, raise what `refusal` makes of the failure's message.

    A side that finds no memory next to others is not a failed run: alone it may have enough.
    """
    try:
        yield
    except SessionFailed as failed:
        if not is_lack_of_memory(failed.failure):
            raise
        raise refusal(failed.failure.what) from failed


def no_room(what: str) -> NoRoom:
    """Refuse a second side for which memory ran out."""
    return NoRoom(
        f"memory cannot hold both sides ({what})",
        "use --design relaunch, or a smaller --batch-size",
    )


@contextmanager
def no_room_told() -> Iterator[None]:
    """Advise to relaunch, as shared memory may hold two sides one after the other."""
    try:
        yield
    except NoSharedMemory as error:
        raise NoRoom(str(error), "or use --design relaunch") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Free:
    """Memory that was free before the first side was started."""

    gpus: tuple[int, ...]
    """Indices of the GPUs that it uses."""
    gpu_gib: float
    """Least free memory of these GPUs; infinite where it is not known."""

    @classmethod
    def look(cls, gpus: Sequence[int]) -> Self:
        """Return the memory that these GPUs have free now."""
        return cls(gpus=tuple(gpus), gpu_gib=gpu_free_gib(gpus))


def lack_beside(pids: Sequence[int], before: Free, share: float = 1.0) -> str:
    """Return why a second side would not fit next to the first one, whose processes these are.

    It may need `share` of what the first one has taken, and a quarter more. Empty where it fits.
    """
    for what, needed, there in _lacks(pids, before, share):
        return (
            f"{what} cannot hold both sides: the second one needs about {needed:.1f} GiB, and "
            f"{there:.1f} GiB are free"
        )
    return ""


def lack_for_more(pids: Sequence[int], before: Free, more: int) -> str:
    """Return why so many more sides like the first one would not fit; empty where they do."""
    for what, needed, there in _lacks(pids, before, more):
        return (
            f"{what} cannot hold {1 + more} sides: {more} more need about {needed:.1f} GiB, and "
            f"{there:.1f} GiB are free"
        )
    return ""


def _lacks(pids: Sequence[int], before: Free, share: float) -> Iterator[tuple[str, float, float]]:
    """Yield what is too small for `share` of what the first side has, and a quarter more.

    It is yielded with what is needed and what is there, GiB.
    """
    share *= SECOND_SIDE
    left_gib = gpu_free_gib(before.gpus)
    needs = [("memory", share * peak_resident_gib(pids), free_memory_gib())]
    if math.isfinite(left_gib):
        needs.append(("GPU memory", share * (before.gpu_gib - left_gib), left_gib))
    yield from (one for one in needs if one[1] > one[2])


def require_room(pids: Sequence[int], first: Setup, second: Setup, before: Free) -> None:
    """Raise NoRoom if the second side, judging by the processes of the first, would not fit."""
    share = max(1.0, _pixels(second) / _pixels(first))
    if lack := lack_beside(pids, before, share):
        raise NoRoom(lack, "use --design relaunch, or a smaller --batch-size")


def require_shared_memory_for(*runs: Setup) -> None:
    """Refuse resident sides whose batches shared memory cannot hold at once."""
    if why := lack_for(list(_demands(runs))):
        raise NoSharedMemory(f"{len(runs)} sides at once: {why}")


def require_shared_gpus(*runs: Setup, instead: str = "") -> None:
    """Raise NoRoom where a GPU takes one process at a time, and several sides would use it.

    `instead` is another way than allowing more processes, and ends with a comma and "or".
    """
    if why := exclusive_gpus([run.topology for run in runs], runs[0].machine):
        raise NoRoom(why, f"{instead} allow more processes: {ALLOW_PROCESSES}".strip())


def _demands(runs: Sequence[Setup]) -> Iterator[Demand]:
    for run in runs:
        topology = run.topology
        ranks = topology.nproc_per_node if run.member else len(topology.places)
        # The second loader of a side has another number of processes.
        for processes in filter(None, (run.config.loader_threads, run.other_threads)):
            if demand := demand_of(run.config, ranks, processes):
                yield demand


def gpu_free_gib(indices: Sequence[int]) -> float:
    """Return the least free memory of these GPUs, GiB; infinite without one, or if not known."""
    with monitor() as found:
        if found is None or not indices:
            return math.inf
        gpus = [gpu for index, gpu in enumerate(found.gpus()) if index in indices]
        free = [gpu.free_gib() for gpu in gpus]
        if any(gpu.lost for gpu in gpus):  # its ranks have more to say of it
            return math.inf
        return min((gib for gib in free if gib is not None), default=math.inf)


def _pixels(run: Setup) -> int:
    """Return what activations grow with."""
    return run.config.global_batch_size * run.config.image_size**2
