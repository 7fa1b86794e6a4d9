"""What a program and the processes that read traces for it say to each other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.store.trace_files import TraceFile
from resnext_bench.reports.trace.many.tasks import Task
from resnext_bench.reports.trace.reading.source import Progress
from resnext_bench.wording import readable


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A file to read."""

    number: int
    task: Task[Any]
    file: TraceFile
    at: Path | None
    """Where its bytes are, if not where it is."""
    is_watched: bool
    """Whether anybody wants to know how far it has been read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """How far a file has been read, in bytes."""

    read: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What is kept of a file, or why it cannot be read."""

    number: int
    kept: Any = None
    broken: TraceError | None = None
    bug: str = ""
    """The traceback of any other error."""


def done(job: Job, progress: Progress) -> Done:
    """Do a job."""
    try:
        return Done(number=job.number, kept=job.task(job.file, progress, job.at))
    except TraceError as error:
        return Done(number=job.number, broken=error)
    except MemoryError:
        told = f"{readable(job.file.path)}: memory is not enough to read it"
        return Done(number=job.number, broken=TraceError(told, kind="ended"))
