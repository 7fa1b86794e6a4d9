"""Watches the GPUs during the window: throttling, and who else computes on them.

Asked twice a second from the launching program, so that the ranks pay nothing for it. Everything
is best effort: a driver that does not answer a question leaves that guard silent, never the run.
"""

import time
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any, Final

from bench.machine import nvml
from reports.validity import GpuUse

SLOWDOWN_REASONS: Final = {
    "hardware slowdown": 0x08,
    "software thermal slowdown": 0x20,
    "hardware thermal slowdown": 0x40,
    "power brake": 0x80,
}
"""Bits of nvmlDeviceGetCurrentClocksEventReasons that make a run invalid (NVML reference)."""
POWER_CAP: Final = 0x04


@dataclass(kw_only=True, slots=True)
class GpuWatch:
    """Samples NVML's answers; `library` is pynvml initialised, or None where there is none."""

    library: Any | None
    handles: list[Any] = field(default_factory=list)
    _before: list[set[int]] = field(default_factory=list)
    _bits: list[int] = field(default_factory=list)
    """Reasons of all GPUs at each moment: the ranks wait for the slowest, so one is enough."""
    _foreign: list[list[float]] = field(default_factory=list)
    _since_us: int = 0

    def note_residents(self) -> None:
        """Remember who computes on the GPUs before the ranks start: those are foreign."""
        if self.library is None:
            return
        self._before = [self._pids(handle) for handle in self.handles]
        self._foreign = [[] for _ in self.handles]

    def start(self) -> None:
        """Begin a window: forget what was sampled so far."""
        self._bits.clear()
        self._foreign = [[] for _ in self.handles]
        self._since_us = time.time_ns() // 1000

    def sample(self) -> None:
        """Ask once."""
        if not self.handles:
            return
        told = []
        for index, handle in enumerate(self.handles):
            told.append(self._ask("nvmlDeviceGetCurrentClocksEventReasons", handle))
            self._foreign[index].append(self._foreign_use(index, handle))
        bits = [bits for bits in told if bits is not None]
        if bits:  # silence is no sample
            self._bits.append(reduce(or_, bits))

    def report(self) -> GpuUse:
        """What the samples of the window say."""
        count = len(self._bits)
        if not count:
            return GpuUse()
        bad = sum(SLOWDOWN_REASONS.values())
        union = 0
        for bits in self._bits:
            union |= bits
        means = [sum(uses) / len(uses) for uses in self._foreign if uses]
        return GpuUse(
            samples=count,
            throttled_percent=100 * sum(bool(bits & bad) for bits in self._bits) / count,
            reasons=tuple(name for name, bit in SLOWDOWN_REASONS.items() if union & bit),
            power_capped_percent=100 * sum(bool(bits & POWER_CAP) for bits in self._bits) / count,
            foreign_percent=max(means, default=0.0),
        )

    def _pids(self, handle: Any) -> set[int]:
        found = self._ask("nvmlDeviceGetComputeRunningProcesses", handle) or ()
        return {int(process.pid) for process in found}

    def _foreign_use(self, index: int, handle: Any) -> float:
        """Per cent of the GPU's time, by processes noted before the start."""
        if not self._before or not self._before[index]:
            return 0.0
        found = self._ask("nvmlDeviceGetProcessUtilization", handle, self._since_us) or ()
        latest = {int(use.pid): float(use.smUtil) for use in found}
        return sum(use for pid, use in latest.items() if pid in self._before[index])

    def _ask(self, function: str, *arguments: Any) -> Any:
        try:
            return getattr(self.library, function)(*arguments)
        except Exception:  # NVML's own error types; "not found" is its word for "nobody"
            return None


def open_watch(library: Any | None, visible: list[int]) -> GpuWatch:
    """A watch over the GPUs with these indices among the visible ones."""
    if library is None or not visible:
        return GpuWatch(library=None)
    handles = nvml.visible_handles(library)
    return GpuWatch(library=library, handles=[handles[index] for index in visible])
