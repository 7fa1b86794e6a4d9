"""The one file of a visit: written after every task, so that whatever cuts it leaves the rest.

Numbers are kept as they were measured (seconds of blocks, rounds by sides); rates, ratios and
intervals are made of them where they are shown, by `resnext_bench.lab.visit.pages`.
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
"""Of all intervals that are made of a visit's numbers."""

State = Literal["running", "done", "cut", "failed", "skipped"]


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was measured, or why it was not."""

    state: State
    """`cut`: its time was over, `found` holds what there was by then. `running` in a file that
    nobody writes any more: the visit was ended then."""
    date: str
    """When it ended, or began if it has not; ISO 8601, UTC."""
    seconds: float = 0.0
    why: str = ""
    """Of a failure, a cut, or of having been left out."""
    notes: tuple[str, ...] = ()
    """What a reader must know: clocks that moved, checks that failed."""
    wrong: tuple[str, ...] = ()
    """Results that were not what they should be: nothing timed with them is to be believed."""
    seen: GpusSeen | None = None
    """The GPU while it was timed; None where nobody could ask."""
    found: dict[str, Any] = {}

    @property
    def gave_trouble(self) -> bool:
        """It failed, or its process was ended under it: not to be tried twice in one visit."""
        return self.state == "failed" or (self.state == "cut" and bool(self.why))

    @property
    def is_told(self) -> bool:
        """Whether there is anything to show."""
        return self.state in ("done", "cut") and bool(self.found)


class PartResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The tasks of a part, and those that were planned and not reached."""

    planned: tuple[str, ...] = ()
    """Keys of all its tasks in their order."""
    tasks: dict[str, Task] = {}
    why: str = ""
    """Why it ended before it had done what was planned."""
    broke: bool = False
    """Its process ended as it should not have."""

    @property
    def left(self) -> tuple[str, ...]:
        """Keys of what is still to be done: not reached, cut or failed."""
        return tuple(key for key in self.planned if not self._is_over(key))

    @property
    def unreached(self) -> tuple[str, ...]:
        """Keys of what is still to be done and has given no trouble so far."""
        trouble = {key for key, task in self.tasks.items() if task.gave_trouble}
        return tuple(key for key in self.left if key not in trouble)

    def _is_over(self, key: str) -> bool:
        return key in self.tasks and self.tasks[key].state in ("done", "skipped")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Where it was measured, and with what."""

    device: str
    """Name of the GPU, or of the processor."""
    kind: Literal["cuda", "cpu"]
    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    versions: dict[str, str]
    """Of Python, packages, driver and libraries."""
    boards: tuple[Board, ...] = ()
    """Limits and settings of the GPUs, without their serial numbers."""

    @property
    def is_miniature(self) -> bool:
        """On a CPU the kit shows that it works, and says nothing of GPUs."""
        return self.kind == "cpu"


class Visit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One start of the kit; --resume adds another."""

    started: str
    minutes: float
    revision: str
    """Of the sources: a commit, with + where files were changed."""
    facts: Facts | None = None
    """Where they differ from those of the first visit: another host, a patch of the driver."""


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
        """A part; empty where it was not begun."""
        return self.parts.get(name, PartResult())

    def told(self, name: str, kind: str = "") -> dict[str, Task]:
        """What a part has to show, by key; of the tasks whose keys begin with `kind`."""
        tasks = self.part(name).tasks.items()
        return {key: task for key, task in tasks if task.is_told and key.startswith(kind)}


class Book:
    """The results on disk. Only one process writes at a time: the part that runs, or its parent."""

    def __init__(self, path: Path, results: Results) -> None:
        self.path, self.results = path, results

    @classmethod
    def open(cls, path: Path) -> "Book":
        """A file that is there; raises UsageError where it is none of ours."""
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
        """What a part is going to do; tasks done before stay."""
        part = msgspec.structs.replace(self.results.part(name), planned=keys, why="", broke=False)
        self.put_part(name, part)
        self.store()

    def put(self, name: str, key: str, task: Task) -> None:
        """Keep a task, on disk."""
        part = self.results.part(name)
        tasks = part.tasks | {key: task}
        self.put_part(name, msgspec.structs.replace(part, tasks=tasks))
        self.store()

    def stop(self, name: str, why: str, *, broke: bool = False, over: bool = False) -> None:
        """A part has ended by itself, or was ended: what was running is cut short.

        `over`: by the end of the visit, which is no fault of the task.
        """
        part = self.results.part(name)
        tasks = {
            key: _stopped(task, "" if over else why) if task.state == "running" else task
            for key, task in part.tasks.items()
        }
        self.put_part(name, msgspec.structs.replace(part, tasks=tasks, why=why, broke=broke))
        self.store()


def _stopped(task: Task, why: str) -> Task:
    """Without a reason it is cut, whatever it had found, and is tried again like any other."""
    state: State = "cut" if task.found or not why else "failed"
    return msgspec.structs.replace(task, state=state, why=why)


def now() -> str:
    """Return the moment in ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
