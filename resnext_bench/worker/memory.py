"""The message of a rank that runs out of memory: what it held, asked for, and what was there.

Others' libraries take memory beside torch's allocator, and say in their own words that there was
none (`symptoms.py`). Two do not say it: cuDNN finds no plan, as for shapes that it does not
support, and cuBLAS cannot be begun. That counts as a lack of memory if the GPU was full.
"""

from typing import Final

import torch

from resnext_bench.machine.host.memory import available_memory_gib, peak_memory_gib
from resnext_bench.reports.figures.cost import predicted_memory
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.symptoms import (
    gpu_gib_asked,
    host_gib_asked,
    is_of_the_host,
    may_be_memory,
    memory_kind,
    memory_line,
    words_of_chain,
)

HINT: Final = "lower --batch-size or --image-size, or let run find it: --batch-size auto"
FULL: Final = 1 / 32
"""Share of a GPU's memory that is free, below which it is called full: libraries take theirs beside
torch's allocator, some hundred MiB at a time.
"""
_MOST_QUOTED: Final = 160
"""Most letters that are quoted of another library's words."""


def lack_of_memory(error: Exception, config: RunConfig) -> str:
    """Return the message; empty where neither the error nor its chain is about memory."""
    words = words_of_chain(error)
    if memory_kind(words) != "out_of_memory" and not (may_be_memory(words) and gpu_was_full()):
        return ""
    if config.device == "cpu" or is_of_the_host(words):
        there = f"{available_memory_gib():.1f} GiB are free"
        return _line(
            "out of memory", config, peak_memory_gib(), host_gib_asked(words), there, words
        )
    peak, wanted = torch.cuda.max_memory_allocated() / 2**30, gpu_gib_asked(words)
    total = _gpu_gib()
    there = f"the GPU has {total[1]:.1f} GiB" if total else "the GPU no longer answers"
    return _line("out of GPU memory", config, peak, wanted, there, words)


def keep_aside(gib: float, device: torch.device) -> torch.Tensor | None:
    """Take memory of a GPU and return it, to be held for as long as nobody else may have it."""
    if device.type == "cpu" or not gib:
        return None
    return torch.empty(int(gib * 2**30), dtype=torch.uint8, device=device)


def gpu_was_full() -> bool:
    """Return whether this process has met the end of its GPU's memory.

    torch's allocator counts what it had to refuse, also where cuDNN then took another plan, and
    what it could only give after it had freed its cache.
    """
    stats, there = torch.cuda.memory_stats(), _gpu_gib()
    refused = stats.get("num_ooms", 0) + stats.get("num_alloc_retries", 0)
    return refused > 0 or (there is not None and there[0] < FULL * there[1])


def _gpu_gib() -> tuple[float, float] | None:
    """Return the free and the total memory, GiB; None where the GPU does not answer."""
    try:
        free, total = torch.cuda.mem_get_info()
    except (RuntimeError, AssertionError):  # after an error that ends its context; without CUDA
        return None
    return free / 2**30, total / 2**30


def _line(
    what: str,
    config: RunConfig,
    peak_gib: float,
    wanted_gib: float | None,
    there: str,
    words: str,
) -> str:
    size = config.image_size
    more = f", {wanted_gib:.2f} GiB more were asked for" if wanted_gib else ""
    memory = predicted_memory(config)
    needed = f"; its tensors need {memory.peak / 2**30:.1f} GiB by calculation" if memory else ""
    # torch names the amount, and has said no more than this line does; Python says nothing at all.
    quoted = memory_line(words)[:_MOST_QUOTED]
    said = "" if wanted_gib or quoted.endswith(":") else f" ({quoted})"
    return (
        f"{what} with {config.batch_size} images of {size} x {size} per rank: at most "
        f"{peak_gib:.1f} GiB were held{more}, {there}{needed}{said}"
    )
