"""Clocks of a rank: CUDA events where there is a GPU, the monotonic clock elsewhere."""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch

from resnext_bench.rankfile import Mark, Ns, RankFile, columns

__all__ = ["CudaClock", "HostClock", "Marker", "clock_for", "columns"]


class Marker(Protocol):
    """All that the loop asks of a clock."""

    def mark(self, step: int, mark: Mark) -> None:
        """Note that the work given so far is done at this moment of `step`, without waiting."""


class HostClock:
    """For the CPU, where an operation is over when its call returns."""

    def __init__(self, file: RankFile, now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._now_ns = now_ns
        # A plain view: storing through numpy.memmap itself costs three times as much.
        self._marks = file.marks.view(np.ndarray)
        self._file = file
        self._start = self._stop = 0

    def mark(self, step: int, mark: Mark) -> None:
        """One store into the rank file."""
        self._marks[step, mark] = self._now_ns()

    def start_window(self) -> None:
        """The CPU has no queue to wait for."""
        self._start = self._file.window_start_ns = self._now_ns()

    def stop_window(self) -> None:
        """The CPU has no queue to wait for."""
        self._stop = self._now_ns()

    @property
    def window_ns(self) -> int:
        """Length of the window."""
        return self._stop - self._start

    def host_marks(self, steps: range) -> Ns:
        """As `device_marks`, of the host's clock; row 0 is the window's start."""
        rows = np.array(self._marks[steps.start : steps.stop], dtype=np.int64) - self._start
        return np.vstack([np.zeros((1, len(Mark)), dtype=np.int64), rows])

    def device_marks(self, steps: range) -> Ns:
        """On the CPU the host's marks are the device's."""
        return self.host_marks(steps)


class CudaClock(HostClock):
    """CUDA events beside the host's marks; they are read once, after the window.

    The stream runs behind the host, so only events say when work was done; their resolution is
    about half a microsecond (CUDA runtime documentation, cudaEventElapsedTime).
    """

    def __init__(self, file: RankFile, device: torch.device, window: int = 0) -> None:
        """`window` is the most steps between start and stop; 0: all that the file holds."""
        super().__init__(file)
        self._device = device
        self._window = window or len(file.marks)
        self._events = [
            [torch.cuda.Event(enable_timing=True) for _ in Mark] for _ in range(self._window)
        ]
        self._origin = torch.cuda.Event(enable_timing=True)
        # CUDA makes an event when it is first recorded: let that be before the timed steps.
        for event in (self._origin, *(event for step in self._events for event in step)):
            event.record()

    def mark(self, step: int, mark: Mark) -> None:
        """An event on the current stream, and the host's mark."""
        self._events[step % self._window][mark].record()
        super().mark(step, mark)

    def start_window(self) -> None:
        """Drain the stream first, so that no warm-up work is inside."""
        torch.cuda.synchronize(self._device)
        self._origin.record()
        super().start_window()

    def stop_window(self) -> None:
        """Drain the stream, so that all timed work is inside."""
        torch.cuda.synchronize(self._device)
        super().stop_window()

    def device_marks(self, steps: range) -> Ns:
        """Time of each event since the window's start, added up from event to event.

        CUDA tells elapsed times as 32-bit floats of ms: exact between neighbours, but only to
        60 us ten minutes after the start.
        """
        events = [
            self._origin,
            *(event for step in steps for event in self._events[step % self._window]),
        ]
        gaps_ms = [before.elapsed_time(after) for before, after in pairwise(events)]
        marks = np.cumsum(np.rint(np.array(gaps_ms) * 1e6).astype(np.int64))
        rows = marks.reshape(-1, len(Mark))
        return np.vstack([np.zeros((1, len(Mark)), dtype=np.int64), rows])


def clock_for(device: torch.device, file: RankFile, window: int = 0) -> HostClock:
    """The clock of a device, for windows of at most so many steps; 0: all that the file holds."""
    return CudaClock(file, device, window) if device.type == "cuda" else HostClock(file)
