"""The tasks of a part, in order: each is done if there is time for it, and stored at once."""

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from resnext_bench.lab.visit.results import Book, PartResult, State, Task, now
from resnext_bench.lab.visit.sizes import Kind, Sizes
from resnext_bench.lab.visit.watch import Watched


class Skip(Exception):
    """Raised by a task that cannot be done here; the text says what is missing."""


class TimeUp(Exception):
    """Raised by a task whose box ended before it had anything to store."""


class Broken(Exception):
    """Raised when the device no longer answers: only a new process can go on."""


@dataclass(kw_only=True)
class Findings:
    """What a task has found so far, which is stored whatever happens to it."""

    keep: Callable[[], None] = lambda: None
    """Writes the findings to disk; to be called between blocks, never inside one."""
    before: dict[str, Any] = field(default_factory=dict)
    """What an earlier try of this task had found when it was cut."""
    found: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    watched: Watched = field(default_factory=Watched)


@dataclass(frozen=True, kw_only=True)
class Box:
    """What a part may use, and until when."""

    kind: Kind
    sizes: Sizes
    deadline: float
    """Moment by which it must be over, on the monotonic clock, which all processes of a machine
    share."""
    traces: Path
    """Folder for traces."""
    strangers: frozenset[int] = frozenset()
    """Processes that were on the GPU before this one."""

    def room_s(self, cuda: float, cpu: float) -> float:
        """Return the time that a task is expected to need, in full or in miniature, s."""
        return cuda if self.kind == "cuda" else cpu

    @property
    def left_s(self) -> float:
        """Seconds until the end of the box."""
        return self.deadline - time.monotonic()


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A task to be done."""

    key: str
    """Key of the form "kind/...": tasks of a kind take about as long as one another."""
    run: Callable[[Findings], None]
    room_s: float
    """Time that it is expected to need until one of its kind was done, s."""
    kind: str = ""
    """Kind of the task, where its key does not begin with it."""

    @property
    def of(self) -> str:
        """The kind of the task."""
        return self.kind or self.key.partition("/")[0]


def carry_out(
    name: str, book: Book, box: Box, planned: Sequence[Planned], *, again: bool = False
) -> None:
    """Do what is left of a part, in order, as far as its time allows.

    What no longer fits is left out, so that a shorter task after it still has its turn. With
    `again`, what has failed is not retried. Raises Broken where no task can be done any more.
    """
    book.plan(name, tuple(one.key for one in planned))
    part = book.results.part(name)
    left = set(part.unreached if again else part.left)
    trouble = {key for key, task in part.tasks.items() if task.gave_trouble}
    planned = sorted(planned, key=lambda one: one.key in trouble)  # those have had their turn
    took = _took(part, planned)
    known: set[str] = set()
    for one in planned:
        if one.key not in left:
            continue
        if took.get(one.of, one.room_s) > box.left_s:
            continue
        start = time.monotonic()
        task = _done(name, book, box, one, known)
        took[one.of] = max(took.get(one.of, 0.0), time.monotonic() - start)
        print(f"  {name:<9}{task.seconds:6.1f} s  {one.key}{_ending(task)}", flush=True)
        if task.state == "failed" and not _answers(box.kind):
            raise Broken(task.why)
    if book.results.part(name).left:
        book.stop(name, "its time was over")


def _took(part: PartResult, planned: Sequence[Planned]) -> dict[str, float]:
    """Return the time of the longest task of each kind that was done before, in any process."""
    took: dict[str, float] = {}
    for one in planned:
        task = part.tasks.get(one.key)
        if task is not None and task.state == "done":
            took[one.of] = max(took.get(one.of, 0.0), task.seconds)
    return took


def _done(name: str, book: Book, box: Box, one: Planned, known: set[str]) -> Task:
    """Do one task, and store it however it ends; `known` are errors that were already printed."""
    start = time.monotonic()
    earlier = book.results.part(name).tasks.get(one.key)
    before = earlier.found if earlier else {}
    findings = Findings(before=before, watched=Watched(box.strangers))

    def told(state: State, why: str = "") -> Task:
        if earlier and state != "done" and _rounds(before) > _rounds(findings.found):
            # What an earlier try has measured is not lost to one that came less far.
            kept: State = "running" if state == "running" else "cut"
            return msgspec.structs.replace(earlier, state=kept, why=why)
        return Task(
            state=state,
            date=now(),
            seconds=round(time.monotonic() - start, 2),
            why=why,
            notes=(*findings.notes, *findings.watched.notes),
            wrong=tuple(findings.wrong),
            seen=findings.watched.seen,
            found=findings.found,
        )

    findings.keep = lambda: book.put(name, one.key, told("running"))
    findings.keep()
    try:
        one.run(findings)
        task = told("cut" if findings.found.get("cut") else "done")
    except Skip as reason:
        task = told("skipped", str(reason))
    except TimeUp:
        task = told("cut")
    except Exception as error:  # one task's fault is not the next one's
        task = told("failed", f"{type(error).__name__}: {error}".strip()[:500])
        if task.why not in known:  # what fails often fails alike
            known.add(task.why)
            traceback.print_exc()
    book.put(name, one.key, task)
    return task


def _rounds(found: dict[str, Any]) -> int:
    """Return the number of rounds that were timed; 1 for untimed results, 0 for none."""
    return len(found["seconds"]) if "seconds" in found else 1 if found else 0


def _ending(task: Task) -> str:
    """Describe how a task ended, unless all is well."""
    words = "" if task.state == "done" else f"  {task.state}{': ' if task.why else ''}{task.why}"
    return words.partition("\n")[0] + (f"  WRONG: {task.wrong[0]}" if task.wrong else "")


def _answers(kind: Kind) -> bool:
    """Return whether the device still works: after an illegal access it fails for this process."""
    if kind == "cpu":
        return True
    import torch  # noqa: PLC0415  (a part without a device needs none)

    try:
        torch.zeros(1, device="cuda").add_(1).item()
    except RuntimeError:
        return False
    return True


def rounded(rows: Sequence[Sequence[float]], digits: int = 7) -> list[list[float]]:
    """Return seconds as they are stored: a tenth of a microsecond is less than clocks resolve."""
    return [[round(one, digits) for one in row] for row in rows]


def plain(struct: msgspec.Struct) -> Any:
    """Return a part of a record as it goes into a file."""
    return msgspec.to_builtins(struct)
