"""A made GPU: work is queued and done later, and every call to torch.cuda is written down."""

from collections import deque
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any
from weakref import finalize

import numpy as np
import pytest
import torch
from torch import nn

from resnext_bench.pipelines.batches import Batch

GPU = torch.device("cuda", 0)
GONE = -1.0
"""What a pipeline's memory holds as soon as it may be used for something else."""
QUESTIONS = frozenset(
    {
        "is_available",
        "is_initialized",
        "device_count",
        "is_current_stream_capturing",
        "current_accelerator",
        "_cuda_getDeviceCount",
    }
)
"""Calls that neither wait nor queue anything, whoever makes them."""


class MadeCuda:
    """A device that is `lag` pieces of work behind the host, or does nothing before it has to."""

    def __init__(self, lag: int | None = None) -> None:
        self.lag = lag
        self.calls: list[str] = []
        """What was asked of torch.cuda, in order."""
        self._queue: deque[Callable[[], None] | MadeEvent] = deque()

    def submit(self, work: Callable[[], None]) -> None:
        """Queue some work; the oldest is done once more than `lag` pieces wait."""
        self._queue.append(work)
        while self.lag is not None and self._waiting() > self.lag:
            self._do_next()
        while self._queue and isinstance(self._queue[0], MadeEvent) and self.lag is not None:
            self._do_next()

    def _waiting(self) -> int:
        return sum(not isinstance(one, MadeEvent) for one in self._queue)

    def record(self, event: "MadeEvent") -> None:
        self._queue.append(event)
        if self.lag is not None and not self._waiting():
            self.drain()

    def _do_next(self) -> None:
        one = self._queue.popleft()
        if isinstance(one, MadeEvent):
            one.passed += 1
        else:
            one()

    def drain(self) -> None:
        """Do all that is queued."""
        while self._queue:
            self._do_next()

    def until(self, event: "MadeEvent") -> None:
        """Do what is queued before the event's last record."""
        while not event.has_passed:
            self._do_next()

    def install(self, patched: pytest.MonkeyPatch) -> "MadeCuda":
        """Put it in the place of torch.cuda's functions, of which the rest is written down."""
        for room, begin in ((torch.cuda, ""), (torch.accelerator, ""), (torch._C, "_cuda_")):
            for name in dir(room):
                found = getattr(room, name)
                is_own = name.startswith(begin) if begin else not name.startswith("_")
                if is_own and callable(found) and not isinstance(found, type):
                    patched.setattr(room, name, self._told(name, found))
        for name in ("Stream", "ExternalStream", "CUDAGraph"):
            patched.setattr(torch.cuda, name, self._told_of_class(getattr(torch.cuda, name)))
        # A class as before: imports of torch's own ask for it.
        patched.setattr(torch.cuda, "Event", type("Event", (MadeEvent,), {"cuda": self}))
        patched.setattr(torch.cuda, "synchronize", self._synchronize)
        return self

    def _told(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def told(*args: Any, **kwargs: Any) -> Any:
            if name not in QUESTIONS:
                self.calls.append(name)
            return original(*args, **kwargs)

        return told

    def _told_of_class(self, original: type) -> type:
        def new(cls: type, *args: Any, **kwargs: Any) -> Any:
            self.calls.append(original.__name__)
            return original.__new__(cls, *args, **kwargs)

        return type(original.__name__, (original,), {"__new__": new})

    def _synchronize(self, device: object = None) -> None:
        self.calls.append("synchronize")
        self.drain()


class MadeEvent:
    """An event on the made device's one stream."""

    cuda: MadeCuda

    def __init__(self, enable_timing: bool = False) -> None:
        self._timing = enable_timing
        self.recorded = self.passed = 0

    @property
    def has_passed(self) -> bool:
        return self.passed == self.recorded

    def record(self) -> None:
        self.cuda.calls.append("event.record")
        self.recorded += 1
        self.cuda.record(self)

    def query(self) -> bool:
        self.cuda.calls.append("event.query")
        return self.has_passed

    def synchronize(self) -> None:
        self.cuda.calls.append("event.synchronize")
        self.cuda.until(self)

    def elapsed_time(self, end: "MadeEvent") -> float:
        assert self._timing, "an event without timing has no time"
        assert end._timing, "an event without timing has no time"
        assert self.has_passed, "the time of an event that has not passed is an error"
        assert end.has_passed, "the time of an event that has not passed is an error"
        return 1.0


class LentBatches:
    """Batches in the pipeline's own memory, which it overwrites as soon as they are dropped.

    So does a pipeline whose memory is freed in the order of a stream of its own: nothing orders it
    with the stream that reads.
    """

    def __init__(self, cuda: MadeCuda) -> None:
        self._cuda = cuda
        self._slots: list[np.ndarray[Any, np.dtype[np.float32]]] = []
        self._free: list[int] = []
        self.made = 0
        self.wanted: list[float] = []
        """What was in each batch when its reading was queued."""
        self.read: list[float] = []
        """What the device found there when it came to it."""

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        slot = self._free.pop() if self._free else self._grown()
        memory = self._slots[slot]
        memory[:] = self.made
        self.made += 1
        view = memory[:]  # an array of its own, to which the tensor refers
        finalize(view, self._taken_back, slot)
        return torch.from_numpy(view), torch.zeros(2, dtype=torch.int64)

    def _grown(self) -> int:
        self._slots.append(np.zeros((2, 3, 4, 4), np.float32))
        return len(self._slots) - 1

    def _taken_back(self, slot: int) -> None:
        self._slots[slot][:] = GONE
        self._free.append(slot)

    @property
    def lent(self) -> int:
        """Batches that somebody refers to."""
        return len(self._slots) - len(self._free)

    @property
    def most_lent(self) -> int:
        """The most that were lent at any time."""
        return len(self._slots)

    def queue_reading(self, images: torch.Tensor) -> None:
        """Let the device read the batch, by its address, as a kernel does."""
        (slot,) = (
            number
            for number, memory in enumerate(self._slots)
            if memory.ctypes.data == images.data_ptr()
        )
        self.wanted.append(float(images[0, 0, 0, 0]))
        self._cuda.submit(lambda: self.read.append(float(self._slots[slot][0, 0, 0, 0])))


class Reader(nn.Module):
    """A small network whose kernels read their batch when the device gets to them."""

    def __init__(self, batches: LentBatches, classes: int = 1000) -> None:
        super().__init__()
        self.linear = nn.Linear(48, classes)
        self._batches = batches

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self._batches.queue_reading(images)
        return self.linear(images.flatten(1).clamp(0, 1))  # type: ignore[no-any-return]
