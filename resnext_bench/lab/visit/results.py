"""The one file of a visit, written after every task, so that an interruption loses nothing else.

Numbers are kept as they were measured (seconds of blocks, rounds by sides); rates, ratios and
intervals are calculated where they are shown, by `resnext_bench.lab.visit.pages`.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from resnext_bench.errors import UsageError
from resnext_bench.reports.schema.machine import Board, GpusSeen
from resnext_bench.reports.store.files import write_atomically

VERSION: Final = 1
CONFIDENCE: Final = 0.99
"""Confidence of all intervals calculated from a visit's numbers."""

State = Literal["running", "done", "cut", "failed", "skipped"]


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was measured, or why it was not."""

    state: State
    """State of the task. `cut`: its time was over, and `found` holds what there was by then.
    `running` in a file that nobody writes any more: the visit ended at that moment."""
    date: str
    """When it ended, or began if it has not ended; ISO 8601, UTC."""
    seconds: float = 0.0
    why: str = ""
    """Reason for a failure, a cut, or being left out."""
    notes: tuple[str, ...] = ()
    """What a reader should know: clocks that moved, checks that failed."""
    wrong: tuple[str, ...] = ()
    """Results that were wrong: nothing that was timed with them can be believed."""
    seen: GpusSeen | None = None
    """The GPU while it was timed; None where nobody could ask."""
    found: dict[str, Any] = {}

    @property
    def gave_trouble(self) -> bool:
        """Whether it failed, or its process was ended in it: one visit does not retry it."""
        return self.state == "failed" or (self.state == "cut" and bool(self.why))

    @property
    def is_told(self) -> bool:
        """Whether there is anything to show."""
        return self.state in ("done", "cut") and bool(self.found)


class PartResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The tasks of a part, and those that were planned and not reached."""

    planned: tuple[str, ...] = ()
    """Keys of all its tasks in order."""
    tasks: dict[str, Task] = {}
    why: str = ""
    """Why it ended before it had done all that was planned."""
    broke: bool = False
    """Whether its process ended abnormally."""

    @property
    def left(self) -> tuple[str, ...]:
        """Keys of what is still to be done: not reached, cut or failed."""
        return tuple(key for key in self.planned if not self._is_over(key))

    @property
    def unreached(self) -> tuple[str, ...]:
        """Keys of what is still to be done and has caused no trouble so far."""
        trouble = {key for key, task in self.tasks.items() if task.gave_trouble}
        return tuple(key for key in self.left if key not in trouble)

    def _is_over(self, key: str) -> bool:
        return key in self.tasks and self.tasks[key].state in ("done", "skipped")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The hardware and software of a measurement."""

    device: str
    """Name of the GPU, or of the processor."""
    kind: Literal["cuda", "cpu"]
    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    versions: dict[str, str]
    """Versions of Python, packages, driver and libraries."""
    boards: tuple[Board, ...] = ()
    """Limits and settings of the GPUs, without their serial numbers."""

    @property
    def is_miniature(self) -> bool:
        """Whether this is a CPU, on which the kit only shows that it works, and measures no GPU."""
        return self.kind == "cpu"


class Visit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One start of the kit; --resume adds another."""

    started: str
    minutes: float
    revision: str
    """Revision of the sources: a commit, with + where files were changed."""
    facts: Facts | None = None
    """Facts, where they differ from those of the first visit, as by another host or patch of the
    driver."""


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one device."""

    what: str = "a GPU's facts, by resnext_bench.lab.visit; seconds of blocks are [rounds][sides]"
    kind: str = "gpu-kit"
    version: int = VERSION
    date: str
    """Day of the first visit."""
    seed: int = 0
    confidence: float = CONFIDENCE
    facts: Facts
    visits: tuple[Visit, ...]
    parts: dict[str, PartResult] = {}

    def part(self, name: str) -> PartResult:
        """Return a part; it is empty where it was not begun."""
        return self.parts.get(name, PartResult())

    def told(self, name: str, kind: str = "") -> dict[str, Task]:
        """Return the tasks of a part with results, by key; `kind` is how the keys begin."""
        tasks = self.part(name).tasks.items()
        return {key: task for key, task in tasks if task.is_told and key.startswith(kind)}


class Book:
    """The results on disk. One process writes at a time: the part that runs, or its parent."""

    def __init__(self, path: Path, results: Results) -> None:
        self.path, self.results = path, results

    @classmethod
    def open(cls, path: Path) -> "Book":
        """Open an existing file; raises UsageError if the kit has not written it."""
        try:
            return cls(path, msgspec.json.decode(path.read_bytes(), type=Results))
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}; give a file that the kit wrote") from error
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise UsageError(f"{path} is no result of the kit: {error}") from error

    def store(self) -> None:
        """Write all of it, by rename."""
        data = msgspec.json.format(msgspec.json.encode(self.results), indent=1)
        write_atomically(self.path, data + b"\n")

    def put_part(self, name: str, part: PartResult) -> None:
        """Replace a part, in memory."""
        parts = self.results.parts | {name: part}
        self.results = msgspec.structs.replace(self.results, parts=parts)

    def plan(self, name: str, keys: tuple[str, ...]) -> None:
        """Set what a part is going to do; tasks that were done before remain."""
        part = msgspec.structs.replace(self.results.part(name), planned=keys, why="", broke=False)
        self.put_part(name, part)
        self.store()

    def put(self, name: str, key: str, task: Task) -> None:
        """Store a task, on disk."""
        part = self.results.part(name)
        tasks = part.tasks | {key: task}
        self.put_part(name, msgspec.structs.replace(part, tasks=tasks))
        self.store()

    def stop(self, name: str, why: str, *, broke: bool = False, over: bool = False) -> None:
        """Note that a part has ended, by itself or from outside; a running task is cut short.

        `over` means by the end of the visit, which is no fault of the task.
        """
        part = self.results.part(name)
        tasks = {
            key: _stopped(task, "" if over else why) if task.state == "running" else task
            for key, task in part.tasks.items()
        }
        self.put_part(name, msgspec.structs.replace(part, tasks=tasks, why=why, broke=broke))
        self.store()


def _stopped(task: Task, why: str) -> Task:
    """Return a stopped task: without a reason it is cut, even with no results, to be retried."""
    state: State = "cut" if task.found or not why else "failed"
    return msgspec.structs.replace(task, state=state, why=why)


def now() -> str:
    """Return the current time in ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
