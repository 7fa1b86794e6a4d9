"""Reads all traces of a command, several at once, and says what becomes of the broken ones."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

from resnext_bench.cli.trace.many.board import Board, board_of
from resnext_bench.cli.trace.many.processes import in_processes
from resnext_bench.cli.trace.watching import watched
from resnext_bench.errors import CannotHere
from resnext_bench.machine.host.memory import free_memory_gib
from resnext_bench.machine.inventory import usable_cores
from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.render.trace.warnings import error_in_words
from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_files import LeftOut
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.store.trace_files import FoundTraces, TraceFile
from resnext_bench.reports.store.unpacked import Unpacked, in_order
from resnext_bench.reports.trace.many.jobs import Done, Job, done
from resnext_bench.reports.trace.many.plan import plain_size, processes
from resnext_bench.reports.trace.many.tasks import Task
from resnext_bench.reports.trace.recordings import (
    Recording,
    last_cycles,
    left_out_facts,
    not_taken,
    together,
)
from resnext_bench.wording import readable


class OfRecording(Protocol):
    """What is kept of a trace, with the recording that it is of."""

    @property
    def recording(self) -> Recording:
        """Which recording that is."""


Kept = TypeVar("Kept")
Part = TypeVar("Part", bound=OfRecording)
_LEAVES_OUT: Final = "--keep-going leaves it out"
_READS_REST: Final = "--keep-going reports what it holds"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How the files of a command are read."""

    jobs: int | None = None
    """How many at once; None: as many as cores and memory allow."""
    keep_going: bool = False
    """Whether broken files are left out, and told; else the first of them ends the command."""


@dataclass(frozen=True, kw_only=True)
class Gathered(Generic[Kept]):
    """What is kept of the traces, in the order of their files, and what else there was."""

    kept: list[Kept]
    broken: list[TraceError] = field(default_factory=list)
    """Files that cannot be read, likewise."""
    left: list[LeftOut] = field(default_factory=list)

    @property
    def facts(self) -> list[Note]:
        """Return a warning for each broken file."""
        return [
            warning("file_unreadable", of=one.kind, told=error_in_words(one)) for one in self.broken
        ]

    @property
    def told(self) -> str:
        """Return why nothing could be read."""
        return "; ".join(map(error_in_words, self.broken))


@dataclass(frozen=True, kw_only=True)
class OneRecording(Generic[Part]):
    """What is kept of the traces of one recording, and what else there was."""

    parts: list[Part]
    left: list[LeftOut]
    broken: list[TraceError]
    facts: list[Note]
    """Files that are not part of it, and that cannot be read."""


def gather_recording(
    task: Task[Part], found: FoundTraces, folder: Path, reading: Reading
) -> OneRecording[Part]:
    """Read the last cycle of each rank, and leave out what is of another recording.

    Files are told as they are called in `folder`. Raises as `gather` does.
    """
    files, left = last_cycles(found.files)
    gathered = gather(task, replace(found, files=tuple(files)), reading)
    kept, others = together([one.recording for one in gathered.kept])
    left = [*left, *gathered.left, *others, *map(not_taken, found.beside)]
    return OneRecording(
        parts=[gathered.kept[at] for at in kept],
        left=left,
        broken=gathered.broken,
        facts=[*left_out_facts(left, folder), *gathered.facts],
    )


def gather(task: Task[Kept], found: FoundTraces, reading: Reading) -> Gathered[Kept]:
    """Read all files; the results are the same however many are read at once.

    Raises TraceError for the first broken one where the others are not to be reported without it,
    or if there is no other; and CannotHere where a process was ended that read it.
    """
    broken = list(found.broken)
    if broken and not reading.keep_going:
        raise refused(broken[0], several=True)
    ends = _ends(task, found.files, reading)
    kept: list[Kept] = []
    left = [LeftOut(file=readable(one), why="replaced") for one in found.replaced]
    others: list[TraceError] = []
    for file, end in zip(found.files, ends, strict=True):
        if end.broken is None:
            kept.append(end.kept)
        elif is_other(file, end.broken):
            others.append(end.broken)
            left.append(LeftOut(file=readable(file.path), why="other"))
        else:
            broken.append(end.broken)
    if not kept:
        raise refused(*broken, *others, several=False)
    return Gathered(kept=kept, broken=broken, left=left)


def is_other(file: TraceFile, error: TraceError) -> bool:
    """Return whether it is JSON that nobody said to be a trace."""
    return error.kind == "other" and not file.is_named


def refused(*errors: TraceError, several: bool) -> Exception:
    """Return the error that ends a command; `several`: there are other files, or may be."""
    told = "; ".join(map(error_in_words, errors))
    if several:
        told += f"; {_READS_REST if errors[0].kind == 'archive cut' else _LEAVES_OUT}"
    if any(one.kind == "ended" for one in errors):
        return CannotHere(told)
    return TraceError(told, kind=errors[0].kind)


def _ends(task: Task[Any], files: Sequence[TraceFile], reading: Reading) -> list[Done]:
    """Return what came of each file; raise at the first broken one unless it may be left out."""
    paths = [one.path for one in files]
    count = how_many(paths, reading)
    ends: dict[int, Done] = {}
    failed: list[Done] = []
    with Unpacked() as unpacked, board_of(paths) as board:
        places: dict[int, Path] = {}

        def jobs() -> Iterator[Job]:
            for number in in_order(paths):
                if failed:
                    return
                at = unpacked.place(paths[number])
                if at is not None:
                    places[number] = at
                yield Job(
                    number=number, task=task, file=files[number], at=at, is_watched=board.is_drawn
                )

        told = _here(jobs(), board) if count == 1 else in_processes(jobs(), count, board.read)
        with closing(told):  # an error here ends the processes now, not when it is forgotten
            for end in told:
                if end.bug:
                    raise RuntimeError(f"{readable(paths[end.number])}: {end.bug}")
                if end.number in places:
                    places.pop(end.number).unlink(missing_ok=True)
                board.done(end.number)
                ends[end.number] = end
                may_go = reading.keep_going or len(files) == 1
                if end.broken and not may_go and not is_other(files[end.number], end.broken):
                    failed.append(end)
    if failed:  # those before it have all been read by now, so that it is always the same one
        order = in_order(paths)
        first = min(failed, key=lambda one: order.index(one.number))
        assert first.broken
        raise refused(first.broken, several=True)
    return [ends[number] for number in range(len(files))]


def how_many(paths: Sequence[Path], reading: Reading) -> int:
    """Return how many files are read at once."""
    if len(paths) < 2:
        return 1
    sizes = [plain_size(one) for one in paths]
    free = free_memory_gib() * 2**30
    return processes(sizes, cores=usable_cores(), free_bytes=free, asked=reading.jobs)


def _here(jobs: Iterator[Job], board: Board) -> Generator[Done, None, None]:
    """Do one after another in this process."""
    for job in jobs:
        if board.is_drawn:
            yield done(job, partial(board.read, job.number))
        else:
            with watched(job.file.path, 1, 1) as progress:
                yield done(job, progress)
