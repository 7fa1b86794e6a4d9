"""Keeps batches until the device has read them.

A GPU works steps behind the host, and a pipeline may reuse a batch's memory as soon as nobody on
the host refers to it: DALI's GPU batches are DALI's own memory, shared with PyTorch and not copied.
So each batch is kept with an event that follows its last use on the stream, and dropped once that
event has passed. Asking an event waits for nothing.
"""

from collections import deque

import torch

from resnext_bench.job import MOST_HELD
from resnext_bench.pipelines.batches import Batch


class Held:
    """Batches that a GPU may still read, the oldest first, at most MOST_HELD.

    A host that is as many steps ahead waits until the device has read the oldest one: all steps in
    between are still queued, so the device does not wait for the host.
    """

    def __init__(self) -> None:
        self._held: deque[tuple[torch.cuda.Event, Batch]] = deque()

    def __len__(self) -> int:
        return len(self._held)

    def keep(self, batch: Batch, used: torch.cuda.Event) -> None:
        """Keep a batch until `used` has passed, and drop those whose event has."""
        held = self._held
        held.append((used, batch))
        if len(held) > MOST_HELD:
            held[0][0].synchronize()
        while held and held[0][0].query():
            held.popleft()

    def drop(self) -> None:
        """Drop all of them, now that the device has nothing left to do."""
        self._held.clear()
