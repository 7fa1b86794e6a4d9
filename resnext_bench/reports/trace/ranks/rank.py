"""All that is kept of one rank's trace when the next one is read: a few columns of each step.

Ranks know nothing of each other until here, so that they may be read in any order, or at once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_ranks import Part
from resnext_bench.reports.store.trace_files import TraceFile
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.cycles import NAME
from resnext_bench.reports.trace.header import device_name
from resnext_bench.reports.trace.names.classes import Class
from resnext_bench.reports.trace.ranks.parts import own_parts
from resnext_bench.reports.trace.ranks.talks import Talks, talks
from resnext_bench.reports.trace.recordings import Recording, recording
from resnext_bench.reports.trace.report import subject
from resnext_bench.reports.trace.time.intervals import Ns

_MOST_KERNELS: Final = 50
"""Kernels whose times are compared with those of other ranks: those that take most."""
_HOST: Final = re.compile(r"(.+?)[-_](?:rank)?\d+")
"""How a process is called in the name of its file: by PyTorch `host_pid`, by us `host-rank3`."""
_NO_HOST: Final = re.compile(r"(?i)rank|worker|trace|")
"""Names of files that begin with something else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kernel:
    """One kernel in the used steps of a rank."""

    count: int
    median_ns: float
    total_ns: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rank:
    """A rank, its used steps, and its collectives."""

    recording: Recording
    host: str
    """Empty where it is not known."""
    on: str
    device: int | None
    """None: on a CPU."""
    steps: NDArray[np.int64]
    """Numbers of the used steps."""
    is_counted: bool
    """Whether these are the profiler's own, which are alike on all ranks, and no places."""
    step_ns: Ns
    parts: Mapping[Part, Ns]
    """Parts of each used step; they add up to its time but for communication."""
    talks: Talks
    kernels: Mapping[str, Kernel]
    is_alone: bool
    """Whether a device worked that is not in the trace: then its steps are not known."""
    facts: tuple[Note, ...] = ()
    """What to doubt of the trace by itself; that it is alone is told by the other ranks."""

    @property
    def number(self) -> int | None:
        """Return the rank; None where nothing tells it."""
        return self.recording.rank


def rank_of(analysis: Analysis, file: TraceFile) -> Rank:
    """Return what is kept of a trace, which should have been read with details."""
    steps = analysis.steps
    told = subject(analysis)
    alone = told.alone
    return Rank(
        recording=recording(analysis, file),
        host=file.host or host_of(file),
        on=device_name(analysis.trace, analysis.device) or _plain(analysis.device),
        device=analysis.device,
        steps=np.array(steps.numbers, dtype=np.int64)[steps.used],
        is_counted=steps.source.kind == "profiler",
        step_ns=steps.windows.length[steps.used],
        parts=own_parts(analysis),
        talks=talks(analysis),
        kernels=_kernels(analysis),
        is_alone=analysis.device is None and alone is not None and alone.is_certain,
        facts=tuple(one for one in told.facts if one.kind != "host_alone"),
    )


def _plain(device: int | None) -> str:
    return "CPU" if device is None else f"device {device}"


def host_of(file: TraceFile) -> str:
    """Return the host that the name of a file begins with; empty where it tells none."""
    named = NAME.fullmatch(file.path.name)
    process = _HOST.fullmatch(named[1]) if named else None
    return "" if process is None or _NO_HOST.fullmatch(process[1]) else process[1]


def _kernels(analysis: Analysis) -> dict[str, Kernel]:
    """Return the kernels that take most, other than communication and copies."""
    work = analysis.work
    rows = np.flatnonzero(~work.of(Class.COMMUNICATION) & ~work.transfer)
    name, duration = work.name[rows], work.duration[rows]
    total = np.bincount(name, weights=duration, minlength=len(analysis.trace.names))
    most = np.argsort(-total, kind="stable")[:_MOST_KERNELS]
    found = {}
    for one in most[total[most] > 0].tolist():
        mine = duration[name == one]
        found[analysis.trace.names[one]] = Kernel(
            count=len(mine), median_ns=float(np.median(mine)), total_ns=int(mine.sum())
        )
    return found
