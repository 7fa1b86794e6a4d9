"""What is asked of a GPU beside its kernels: streams, events, CUDA graphs, memory, kernels' names.

It is given to whoever times plans, so that all of it can be rehearsed without a GPU.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import Protocol

import torch

from resnext_bench.convs.measuring.choices import profiled, settle

Run = Callable[[], object]
Named = list[tuple[str, float]]
"""Kernels of a call, with their times in ns."""
SAME: int = 256
"""Multiple of bytes that every workspace has, as PyTorch's allocator aligns."""


class Device(Protocol):
    """A GPU, or what stands for one."""

    torch: torch.device

    @property
    def cache_bytes(self) -> int:
        """Size of the L2 cache."""

    def stream(self) -> int:
        """Return torch's current stream as the number by which CUDA knows it."""

    def settle(self) -> None:
        """Wait until the device has nothing left to do."""

    def captured(self, run: Run) -> Run:
        """Return what replays the calls of `run`; raise RuntimeError where they do not allow it."""

    def beside(self) -> AbstractContextManager[None]:
        """Work on a stream on which calls can be captured, as long as the body runs."""

    def length_s(self, run: Run) -> float:
        """Return how long the device is at work on `run`, s, by its own clock.

        `run` goes before once, which is not counted: it finds others' tensors in the caches, and
        while the device is at work on it the host queues what counts.
        """

    def kernels(self, calls: Sequence[Run]) -> list[Named]:
        """Return the kernels of each call."""

    def answers(self) -> bool:
        """Return whether the device still works: some errors end a process's use of it."""


class Cuda:
    """A CUDA GPU, through torch."""

    def __init__(self, device: torch.device) -> None:
        self.torch = device

    @property
    def cache_bytes(self) -> int:
        """Size of the L2 cache."""
        found: int = torch.cuda.get_device_properties(self.torch).L2_cache_size
        return found

    def stream(self) -> int:
        """Return torch's current stream as the number by which CUDA knows it."""
        found: int = torch.cuda.current_stream(self.torch).cuda_stream
        return found

    def settle(self) -> None:
        """Wait until the device has nothing left to do."""
        settle(self.torch)

    @cached_property
    def _side(self) -> torch.cuda.Stream:
        """A stream beside the default one, on which nothing can be captured."""
        return torch.cuda.Stream(self.torch)

    def captured(self, run: Run) -> Run:
        """Return what replays the calls of `run`; what they allocate is the graph's own memory.

        It stays where it is as long as the graph is there. The calls run once before, on the same
        stream: modules that are loaded on first use, and settings of the stream, must not fall into
        the capture.
        """
        graph = torch.cuda.CUDAGraph()
        self._side.wait_stream(torch.cuda.current_stream(self.torch))
        with torch.cuda.stream(self._side):
            run()
            self._side.synchronize()
            graph.capture_begin(capture_error_mode="thread_local")
            try:
                run()
            finally:
                graph.capture_end()
        torch.cuda.current_stream(self.torch).wait_stream(self._side)
        return graph.replay

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Work on the stream that captures, as long as the body runs."""
        self._side.wait_stream(torch.cuda.current_stream(self.torch))
        with torch.cuda.stream(self._side):
            yield
        torch.cuda.current_stream(self.torch).wait_stream(self._side)

    def length_s(self, run: Run) -> float:
        """Return how long the device is at work on `run`, s, between two events of its stream.

        `run` goes before once, which is not counted.
        """
        begins, ends = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        run()
        begins.record()
        run()
        ends.record()
        ends.synchronize()
        took_ms: float = begins.elapsed_time(ends)
        return took_ms / 1e3

    def kernels(self, calls: Sequence[Run]) -> list[Named]:
        """Return the kernels of each call, by one profile of all."""
        return profiled(calls)

    def answers(self) -> bool:
        """Return whether the device still works: some errors end a process's use of it."""
        try:
            return float(torch.zeros(1, device=self.torch).add_(1).item()) == 1.0
        except RuntimeError:
            return False
