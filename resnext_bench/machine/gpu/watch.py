"""Watches the GPUs during the window: clocks, power, heat, throttling, and other tenants.

Asked twice a second from the launching program, so that the ranks pay nothing for it. Everything
is best effort: a driver that does not answer a question leaves that guard silent, never the run.
A GPU that goes away is remembered, as whatever fails afterwards fails because of it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

from resnext_bench.machine.gpu.facts import (
    FATAL_ERRORS,
    POWER_CAP,
    SLOWDOWN_REASONS,
    USUAL_ERRORS,
    XIDS_OF_PROGRAMS,
)
from resnext_bench.machine.gpu.monitor import Monitor
from resnext_bench.machine.gpu.track import (
    Track,
    columns_of,
    mean_foreign,
    moments_of,
)
from resnext_bench.reports.figures.validity import GpuUse
from resnext_bench.reports.schema.notes import Note, note

_BAD = sum(SLOWDOWN_REASONS.values())


@dataclass(kw_only=True, slots=True)
class GpuWatch:
    """Samples what the driver reports about the GPUs in use; without tracks it watches nothing."""

    tracks: list[Track] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    monitor: Monitor | None = None
    """The library that also tells critical errors, of all GPUs at once."""
    _bits: list[int] = field(default_factory=list)
    """The combined reasons of all GPUs at each moment, as ranks wait for the slowest."""
    _answers: int = 0
    """Number of moments at which any GPU answered."""
    _start_s: float | None = None
    _since_us: int = 0
    _counted_s: float = 0.0
    """When errors were last counted."""
    _minutes: float = 0.0
    """Minutes between the last two counts."""

    def note_residents(self) -> None:
        """Remember what was there before the ranks start: processes, which are foreign, and errors.

        Errors take longest to ask for, so nobody asks for them while the window runs.
        """
        if self.monitor and self.tracks:
            self.monitor.listen()
        for track in self.tracks:
            track.before = track.gpu.residents() or set()
            track.errors_before = track.gpu.errors()
        self._counted_s = self.clock()

    def start(self) -> None:
        """Begin a window: forget what was sampled so far."""
        self._bits.clear()
        self._answers = 0
        for track in self.tracks:
            track.clear()
        self._start_s, self._since_us = self.clock(), time.time_ns() // 1000

    def sample(self) -> None:
        """Take one sample."""
        if not self.tracks:
            return
        looks = (track.look(self.clock(), self._since_us) for track in self.tracks)
        found = [moment for moment in looks if moment]
        self._answers += bool(found)
        bits = [moment.reasons for moment in found if moment.reasons is not None]
        if bits:  # silence is no sample
            self._bits.append(reduce(or_, bits))

    def report(self) -> GpuUse:
        """Return what the samples of the window show."""
        self._count_errors()
        lost, errors = self.lost(), self._errors()
        if not self._answers:
            return GpuUse(lost_gpus=lost, errors=errors)
        union = reduce(or_, self._bits, 0)
        return GpuUse(
            samples=self._answers,
            tells_reasons=bool(self._bits),
            throttled_percent=self._share_percent(_BAD),
            reasons=tuple(name for name, bit in SLOWDOWN_REASONS.items() if union & bit),
            power_capped_percent=self._share_percent(POWER_CAP),
            foreign_percent=max(map(mean_foreign, self.tracks)),
            lost_gpus=lost,
            errors=errors,
            seen=columns_of(self.tracks),
            moments=moments_of(self.tracks, self._start_s or 0.0),
        )

    def _count_errors(self) -> None:
        """Ask for errors once more; what a window had is what the next one begins with."""
        heard = self.monitor.heard() if self.monitor and self.tracks else []
        for track in self.tracks:
            if track.errors_after:
                track.errors_before = track.errors_after
            track.errors_after = track.gpu.errors() if track.errors_before else {}
            track.xids = [number for index, number in heard if index == track.index]
        now_s = self.clock()
        self._minutes, self._counted_s = (now_s - self._counted_s) / 60, now_s

    def _errors(self) -> tuple[Note, ...]:
        """Return a note for each kind of error of which there are more than before."""
        risen = [
            note("gpu_errors", gpu=track.index, of=kind, count=count, fatal=kind in FATAL_ERRORS)
            for track in self.tracks
            for kind, count in track.risen().items()
            if count > USUAL_ERRORS.get(kind, 0) * max(1.0, self._minutes)
        ]
        xids = [
            note("gpu_xid", gpu=track.index, xid=number, fatal=number not in XIDS_OF_PROGRAMS)
            for track in self.tracks
            for number in dict.fromkeys(track.xids)
        ]
        return (*risen, *xids)

    def lost(self) -> tuple[Note, ...]:
        """Return the GPUs that went away: which, when, and the driver's message."""
        return tuple(
            note("lost_gpu", gpu=track.index, after_s=self._when(track), said=track.gpu.lost)
            for track in self.tracks
            if track.gpu.lost
        )

    def seek_lost(self) -> tuple[Note, ...]:
        """Return the same after one more look: a run may fail before the next sample."""
        for track in self.tracks:
            track.look(self.clock(), self._since_us)
        return self.lost()

    def _when(self, track: Track) -> float | None:
        """Return the seconds since the window began."""
        if self._start_s is None or track.lost_s is None:
            return None
        return track.lost_s - self._start_s

    def _share_percent(self, bits: int) -> float:
        count = len(self._bits)
        return 100 * sum(bool(one & bits) for one in self._bits) / count if count else 0.0


def open_watch(monitor: Monitor | None, visible: Sequence[int]) -> GpuWatch:
    """Open a watch over the GPUs with these indices among the visible ones."""
    if monitor is None or not visible:
        return GpuWatch()
    found = monitor.gpus()
    gpus = {index: found[index] for index in visible if index < len(found)}
    return GpuWatch(
        monitor=monitor,
        tracks=[
            Track(gpu=gpu, index=index if (told := gpu.index) is None else told)
            for index, gpu in gpus.items()
        ],
    )
