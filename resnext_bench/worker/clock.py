"""Clocks of a rank: CUDA events where there is a GPU, the monotonic clock elsewhere."""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch

from resnext_bench.pipelines.batches import Batch
from resnext_bench.rankfile import Mark, Ns, RankFile, columns
from resnext_bench.worker.held import Held

__all__ = ["CudaClock", "HostClock", "Marker", "clock_for", "columns"]


class Marker(Protocol):
    """All that the loop needs of a clock."""

    def mark(self, step: int, mark: Mark) -> None:
        """Mark that the work so far ends at this moment of `step`, without waiting."""

    def hold(self, step: int, batch: Batch) -> None:
        """Keep the batch of `step`, whose backward is queued, until the device has read it."""


class HostClock:
    """The clock of the CPU, where an operation is over when its call returns."""

    def __init__(self, file: RankFile, now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._now_ns = now_ns
        # A plain view: storing through numpy.memmap itself costs three times as much.
        self._marks = file.marks.view(np.ndarray)
        self._file = file
        self._start = self._stop = 0

    def mark(self, step: int, mark: Mark) -> None:
        """Store the time in the rank file."""
        self._marks[step, mark] = self._now_ns()

    def hold(self, step: int, batch: Batch) -> None:
        """Do nothing: the CPU has read the batch when backward returns."""

    def start_window(self) -> None:
        """Take the time: the CPU has no queue to wait for."""
        self._start = self._file.window_start_ns = self._now_ns()

    def stop_window(self) -> None:
        """Take the time: the CPU has no queue to wait for."""
        self._stop = self._now_ns()

    @property
    def window_ns(self) -> int:
        """Length of the window."""
        return self._stop - self._start

    def host_marks(self, steps: range) -> Ns:
        """Return the same as `device_marks` by the host's clock; row 0 is the window's start."""
        rows = np.array(self._marks[steps.start : steps.stop], dtype=np.int64) - self._start
        return np.vstack([np.zeros((1, len(Mark)), dtype=np.int64), rows])

    def device_marks(self, steps: range) -> Ns:
        """Return the host's marks, which on the CPU are the device's."""
        return self.host_marks(steps)


class CudaClock(HostClock):
    """CUDA events beside the host's marks; they are read once, after the window.

    The stream lags behind the host, so only events say when work was done; their resolution is
    about half a microsecond (CUDA runtime documentation, cudaEventElapsedTime).
    """

    def __init__(self, file: RankFile, device: torch.device, window: int = 0) -> None:
        """Make a clock; `window` is the most steps from start to stop, 0: all of the file's."""
        super().__init__(file)
        self._device = device
        self._window = window or len(file.marks)
        self._events = [
            [torch.cuda.Event(enable_timing=True) for _ in Mark] for _ in range(self._window)
        ]
        self._origin = torch.cuda.Event(enable_timing=True)
        self._held = Held()
        # CUDA makes an event when it is first recorded: let that be before the timed steps.
        for event in (self._origin, *(event for step in self._events for event in step)):
            event.record()

    def mark(self, step: int, mark: Mark) -> None:
        """Record an event on the current stream, and the host's mark."""
        self._events[step % self._window][mark].record()
        super().mark(step, mark)

    def hold(self, step: int, batch: Batch) -> None:
        """Keep the batch until the mark after backward has passed, which reads it last."""
        self._held.keep(batch, self._events[step % self._window][Mark.BACKWARD])

    def start_window(self) -> None:
        """Drain the stream first, so that no warm-up work is inside."""
        self._drain()
        self._origin.record()
        super().start_window()

    def stop_window(self) -> None:
        """Drain the stream, so that all timed work is inside."""
        self._drain()
        super().stop_window()

    def _drain(self) -> None:
        """Wait for the device, which then has read every batch."""
        torch.cuda.synchronize(self._device)
        self._held.drop()

    def device_marks(self, steps: range) -> Ns:
        """Return the time of each event since the window's start, added up from event to event.

        CUDA returns elapsed times as 32-bit floats of ms: exact between neighbours, but only to 60
        us ten minutes after the start.
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
    """Return a device's clock for windows of at most `window` steps; 0: all the file holds."""
    return CudaClock(file, device, window) if device.type == "cuda" else HostClock(file)
