"""Room on the heap for what the profiler keeps, so that it costs no page faults.

The profiler keeps a little for each operator, somewhere in the room that a freed gradient has left
behind; the next gradient no longer fits there, and the heap has to grow. Resnext50 grew by 160 MB
in each profiled step, and the page faults of that (40,000, half a second) fell into the operators
that happened to ask for memory: the optimizer seemed to take a quarter of the step, where it takes
8 %. With room that is there already the profiled step is as long as a timed one.
"""

import os
from typing import Final

import torch

from resnext_bench.machine.host.memory import free_memory_gib

_MOST: Final = 1 / 8
"""Of the free memory, for all ranks of a node."""
_PER_STEP: Final = 2
"""Times the parameters that a step of the profiler scatters at most; 1.6 were seen in bf16."""


def make_room(parameters: int, steps: int) -> int:
    """Have memory for so many profiled steps of a model of so many bytes; returns the bytes.

    0 where the heap keeps nothing that is freed: the launcher has not set it so (a GPU's rank), or
    the user has chosen an allocator.
    """
    if os.environ.get("MALLOC_MMAP_MAX_") != "0" or "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        return 0
    ranks = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    most = int(_MOST * free_memory_gib() * 2**30 / ranks)
    size = min(_PER_STEP * parameters * steps, most)
    torch.empty(size, dtype=torch.uint8).fill_(0)  # touched, and freed at once
    return size
