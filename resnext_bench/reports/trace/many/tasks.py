"""What is kept of each trace where there are several: little, as it may come from another process.

A task is handed to whichever process reads the file, and called there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_memory import MemoryReport
from resnext_bench.reports.store.trace_files import TraceFile
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.differences.sides import Side, side
from resnext_bench.reports.trace.memory.memory import memory
from resnext_bench.reports.trace.ranks.rank import Rank, rank_of
from resnext_bench.reports.trace.ranks.side_by_side import Collectives, collectives
from resnext_bench.reports.trace.reading.source import Progress
from resnext_bench.reports.trace.reading.trace import Trace
from resnext_bench.reports.trace.recordings import Recording, recording
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.time.spans import Span

Kept_co = TypeVar("Kept_co", covariant=True)


class Task(Protocol[Kept_co]):
    """Reads a file and returns what is kept of it; raises TraceError where it is broken."""

    def __call__(self, file: TraceFile, progress: Progress, at: Path | None) -> Kept_co:
        """Read `at` in the place of the file where it is given."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Reported:
    """A report, and what it has to say about the other ranks."""

    report: TraceReport
    talks: Collectives
    recording: Recording


@dataclass(frozen=True, kw_only=True)
class Reporting:
    """`trace report`."""

    span: Span | None = None
    layers: bool = True
    capture: Callable[[TraceFile], Callable[[], Trace]] | None = None
    """Returns what reads the trace that tells what a file's graphs are; in one process alone."""

    def __call__(self, file: TraceFile, progress: Progress, at: Path | None) -> Reported:
        """Return the report of a file."""
        analysis = analyse(
            file.path,
            progress,
            file.rank,
            self.span,
            layers=self.layers,
            at=at,
            capture=None if self.capture is None else self.capture(file),
        )
        return Reported(
            report=report(analysis, layers=self.layers),
            talks=collectives(analysis),
            recording=recording(analysis, file),
        )


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """`trace ranks`."""

    def __call__(self, file: TraceFile, progress: Progress, at: Path | None) -> Rank:
        """Return a few columns of each step."""
        analysis = analyse(file.path, progress, file.rank, details=True, layers=False, at=at)
        return rank_of(analysis, file)


@dataclass(frozen=True, kw_only=True, eq=False)
class Remembered:
    """A report on memory, and which recording it is of."""

    report: MemoryReport
    recording: Recording


@dataclass(frozen=True, kw_only=True)
class Remembering:
    """`trace memory`."""

    def __call__(self, file: TraceFile, progress: Progress, at: Path | None) -> Remembered:
        """Return the report of a file."""
        analysis = analyse(file.path, progress, file.rank, at=at)
        return Remembered(report=memory(analysis), recording=recording(analysis, file))


@dataclass(frozen=True, kw_only=True, eq=False)
class Sided:
    """A side of a difference, and which recording it is of."""

    side: Side
    recording: Recording


@dataclass(frozen=True, kw_only=True)
class Siding:
    """`trace diff`."""

    def __call__(self, file: TraceFile, progress: Progress, at: Path | None) -> Sided:
        """Return all that a step is made of."""
        analysis = analyse(file.path, progress, file.rank, at=at)
        return Sided(side=side(analysis), recording=recording(analysis, file))
