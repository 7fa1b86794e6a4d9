"""Has layouts timed on this machine's GPU, in processes of their own, while the GPU is watched.

An item that breaks its process – an access that is not allowed, a crash, silence – is given up, and
another process goes on with what is left.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from resnext_bench.convs.layouts.device_jobs import (
    Begun,
    DeviceJob,
    Done,
    Item,
    Message,
    SideFound,
    Unable,
    Working,
    read,
)
from resnext_bench.convs.times.device_process import Ended, heard
from resnext_bench.convs.times.device_timing import MOST_PROCESSES, Tell
from resnext_bench.errors import CannotHere
from resnext_bench.machine.gpu.watch import GpuWatch
from resnext_bench.reports.figures.validity import judge_gpus
from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.record import Thresholds
from resnext_bench.session.watching import watching

CHILD: Final = "resnext_bench.convs.measuring.layouts_child"
Start = Callable[[DeviceJob], AbstractContextManager[Iterable[Message | None]]]


def started(job: DeviceJob) -> AbstractContextManager[Iterable[Message | None]]:
    """Start the process that times layouts, and return its messages."""
    return heard(job, CHILD, read)


@dataclass(frozen=True, kw_only=True, slots=True)
class Timed:
    """What was found of all items."""

    begun: Begun
    sides: tuple[tuple[SideFound, ...], ...]
    """Sides of each item, in the order given; none where it was given up."""
    whys: tuple[str, ...]
    """Why an item was given up; empty where it was timed."""
    doubts: tuple[Note, ...]
    """What the watch says against it."""
    remarks: tuple[Note, ...]
    """What else was seen of the GPU meanwhile."""


def time_on_device(
    items: Sequence[Item],
    *,
    rounds: int,
    block_s: float,
    activity: str,
    tell: Tell,
    start: Start = started,
) -> Timed:
    """Return what was found of each item; raise CannotHere where nothing can be timed.

    `activity` is what progress is told of.
    """
    job = partial(DeviceJob, rounds=rounds, block_s=block_s)
    visit = _Visit(items=items, job=job, tell=partial(tell, activity))
    with watching([0]) as watch:
        for _ in range(MOST_PROCESSES):
            visit.tell_progress()
            if not visit.left:
                break
            try:
                with start(visit.ask()) as messages:
                    visit.hear(messages, watch)
            except Ended as ended:
                visit.blame(str(ended))
        seen = judge_gpus(watch.report(), Thresholds())
    if visit.begun is None:
        raise CannotHere(f"--device cuda: no layout can be timed here: {visit.last}")
    lost = f"given up, as {MOST_PROCESSES} processes ended: {visit.last}"
    every = range(len(items))
    return Timed(
        begun=visit.begun,
        sides=tuple(visit.found.get(at, ()) for at in every),
        whys=tuple("" if at in visit.found else visit.whys.get(at, lost) for at in every),
        doubts=seen.invalid,
        remarks=seen.notes,
    )


@dataclass(kw_only=True)
class _Visit:
    """The state over all processes."""

    items: Sequence[Item]
    job: Callable[..., DeviceJob]
    tell: Callable[[int, int], None]
    begun: Begun | None = None
    found: dict[int, tuple[SideFound, ...]] = field(default_factory=dict)
    whys: dict[int, str] = field(default_factory=dict)
    at_work: int | None = None
    last: str = ""
    """How the last process ended that did not do its job."""

    @property
    def left(self) -> list[int]:
        """The items that are still to be timed, by their places."""
        return [at for at in range(len(self.items)) if at not in self.found | self.whys]

    def ask(self) -> DeviceJob:
        """Return what is left as a job."""
        self.at_work = None
        return self.job(items=tuple((at, self.items[at]) for at in self.left))

    def hear(self, messages: Iterable[Message | None], watch: GpuWatch) -> None:
        """Take all messages of a process; the GPU is asked twice a second meanwhile."""
        for message in messages:
            watch.sample()
            match message:
                case Begun():
                    if self.begun is None:
                        watch.start()
                    self.begun = message
                case Working():
                    self.at_work = message.at
                case Done():
                    self.found[message.at] = message.sides
                    self.at_work = None
                case Unable():
                    raise CannotHere(
                        f"--device cuda: {message.why}; --device cpu times what this machine has"
                    )
            self.tell_progress()

    def blame(self, why: str) -> None:
        """Give up the item in which a process ended."""
        self.last = why
        if self.begun is None:
            raise CannotHere(f"--device cuda: the process that times layouts ended: {why}")
        if self.left:
            self.whys[self.left[0] if self.at_work is None else self.at_work] = why

    def tell_progress(self) -> None:
        """Tell how many items are done."""
        self.tell(len(self.found), len(self.items))
