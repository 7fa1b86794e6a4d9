"""The message of a rank that runs out of memory: what it held, asked for, and what was there."""

from typing import Final

import torch

from resnext_bench.machine.host.memory import available_memory_gib, peak_memory_gib
from resnext_bench.reports.figures.cost import predicted_memory
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.symptoms import gpu_gib_asked, host_gib_asked, is_of_the_allocator

HINT: Final = "lower --batch-size or --image-size, or let run find it: --batch-size auto"


def lack_of_memory(error: Exception, config: RunConfig) -> str:
    """Return the message; empty where the error is about something else."""
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError):
        wanted = gpu_gib_asked(text)
        peak = torch.cuda.max_memory_allocated() / 2**30
        total = torch.cuda.mem_get_info()[1] / 2**30
        return _line("out of GPU memory", config, peak, wanted, f"the GPU has {total:.1f} GiB")
    if is_of_the_allocator(text) or isinstance(error, MemoryError):
        wanted = host_gib_asked(text)
        free = f"{available_memory_gib():.1f} GiB are free"
        return _line("out of memory", config, peak_memory_gib(), wanted, free)
    return ""


def _line(
    what: str, config: RunConfig, peak_gib: float, wanted_gib: float | None, there: str
) -> str:
    size = config.image_size
    more = f", {wanted_gib:.2f} GiB more were asked for" if wanted_gib else ""
    memory = predicted_memory(config)
    needed = f"; its tensors need {memory.peak / 2**30:.1f} GiB by calculation" if memory else ""
    return (
        f"{what} with {config.batch_size} images of {size} x {size} per rank: at most "
        f"{peak_gib:.1f} GiB were held{more}, {there}{needed}"
    )
