"""Peak memory of a rank: of its tensors, of PyTorch's allocator, and of its whole GPU."""

from dataclasses import dataclass

import torch

from resnext_bench.machine.host.memory import peak_memory_gib, reset_peak_memory


@dataclass(frozen=True, kw_only=True, slots=True)
class PeakMemory:
    """The most memory that was used at any time since the last reset, GiB."""

    tensors_gib: float
    """Memory of tensors on a GPU; on a CPU the resident set of the process."""
    reserved_gib: float = 0.0
    """Memory that PyTorch's allocator reserved on a GPU; 0 on a CPU."""
    device_gib: float | None = None
    """Memory in use on the whole GPU: besides what is reserved there are the CUDA context, DALI's
    and NCCL's memory, and other processes. None on a CPU, and where a GPU shares the host's."""


def reset_peak(device: torch.device) -> None:
    """Count peak memory from here on."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        reset_peak_memory()


def peak_memory(device: torch.device) -> PeakMemory:
    """Return peak memory since the last reset; ask it outside the timed steps."""
    if device.type != "cuda":
        return PeakMemory(tensors_gib=peak_memory_gib())
    return PeakMemory(
        tensors_gib=torch.cuda.max_memory_allocated(device) / 2**30,
        reserved_gib=torch.cuda.max_memory_reserved(device) / 2**30,
        device_gib=_device_gib(device),
    )


def _device_gib(device: torch.device) -> float | None:
    """Return what is in use beside PyTorch's allocator now, and the most that it reserved.

    CUDA keeps no peak of the device. Others than the allocator – contexts, NCCL's buffers, DALI's
    pool – are taken to keep what they have.
    """
    if torch.cuda.get_device_properties(device).is_integrated:
        return None  # its memory is the host's, and so is all that is in use there
    free, total = torch.cuda.mem_get_info(device)
    others = total - free - torch.cuda.memory_reserved(device)
    return (others + torch.cuda.max_memory_reserved(device)) / 2**30


def allocator_retries(device: torch.device) -> int:
    """Return how often PyTorch's allocator has emptied its cache, as the GPU had no more memory."""
    if device.type != "cuda":
        return 0
    return int(torch.cuda.memory_stats(device).get("num_alloc_retries", 0))
