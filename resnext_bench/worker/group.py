"""The process group of a session, if it has one: barrier, gather, end."""

from datetime import timedelta
from typing import Final, TypeVar

import torch
import torch.distributed as dist

from resnext_bench.job import MOST_BYTES
from resnext_bench.reports.schema.topology import Backend

T = TypeVar("T")
_BYTES_OF_FP32: Final = 4
_MOST_MIB: Final = 64.0
"""Largest of the collectives before training, MiB: NCCL's buffers do not grow with what they carry.
"""


def join(backend: Backend, device: torch.device, timeout_s: float) -> None:
    """Join the other ranks by the environment that the launcher set; once is enough."""
    if backend == "none" or dist.is_initialized():
        return
    dist.init_process_group(
        backend,
        timeout=timedelta(seconds=timeout_s),
        device_id=device if backend == "nccl" else None,
    )


def take_buffers(device: torch.device, bucket_mib: float) -> None:
    """Let NCCL take all buffers of a run now, by every collective of one, small and large.

    It takes them when a collective is first used, beside torch's allocator, which would not give
    any back: later, on a GPU that a large batch has filled, it would find no room for them.
    """
    if dist.is_initialized() and dist.get_backend() == "nccl":
        mib = min(bucket_mib, _MOST_MIB)
        use_every_collective(device, int(mib * 2**20 / _BYTES_OF_FP32))
        torch.cuda.empty_cache()  # what they carried is no part of the run's memory


def use_every_collective(device: torch.device, elements: int) -> None:
    """Run each collective that engines and the end of a run use, with one element and with many."""
    world, rank = dist.get_world_size(), dist.get_rank()
    for count in (1, elements):
        part = torch.zeros(count, device=device)
        dist.all_reduce(part)
        dist.broadcast(part, src=0)
        dist.reduce(part, dst=0)
        share = part[: max(1, count // world)]
        dist.all_gather_into_tensor(share.new_empty(world * len(share)), share)
    gather(bytes(MOST_BYTES), rank)
    barrier()


def barrier() -> None:
    """Wait for every rank."""
    if dist.is_initialized():
        dist.barrier()


def gather(mine: T, rank: int) -> list[T] | None:
    """Return every rank's object on rank 0, in the order of ranks; None elsewhere."""
    if not dist.is_initialized():
        return [mine]
    everybody: list[T] | None = [mine] * dist.get_world_size() if rank == 0 else None
    dist.gather_object(mine, everybody)
    return everybody


def from_lead(mine: T) -> T:
    """Return rank 0's object on every rank."""
    if not dist.is_initialized():
        return mine
    told = [mine]
    dist.broadcast_object_list(told, src=0)
    return told[0]


class Telling:
    """Rank 0 sends all others one number at a time; they sleep until it comes.

    It uses gloo, which sleeps; NCCL would keep the GPU spinning for as long.
    """

    def __init__(self, timeout_s: float) -> None:
        self._together = dist.is_initialized()
        # Another group of gloo's would be another thread that wakes a hundred times a second.
        own = self._together and dist.get_backend() != "gloo"
        # Torch's default is half an hour, in which the other side may not have ended its block.
        timeout = timedelta(seconds=timeout_s)
        self._group = dist.new_group(backend="gloo", timeout=timeout) if own else None

    def __call__(self, number: int) -> int:
        """Return rank 0's number on every rank."""
        if not self._together:
            return number
        told = torch.tensor([number], dtype=torch.int64)
        dist.broadcast(told, src=0, group=self._group)  # type: ignore[arg-type]  # a member
        return int(told.item())


def leave() -> None:
    """End the group once every rank has arrived here."""
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()
