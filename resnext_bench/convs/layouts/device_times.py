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
from resnext_bench.reports.schema.notes import Found
from resnext_bench.reports.schema.record import Thresholds
from resnext_bench.session.watching import watching

CHILD: Final = "resnext_bench.convs.measuring.layouts_child"
Start = Callable[[DeviceJob], AbstractContextManager[Iterable[Message | None]]]


def started(job: DeviceJob) -> AbstractContextManager[Iterable[Message | None]]:
    """Start the process that times layouts, and return its messages."""
    return heard(job, CHILD, read)


@dataclass(kw_only=True, slots=True)
class SoFar:
    """What is known by now."""

    begun: Begun | None = None
    """What the device says of itself; None before it has answered."""
    found: dict[int, tuple[SideFound, ...]] = field(default_factory=dict)
    """Sides of the items that were timed, by their places."""
    whys: dict[int, str] = field(default_factory=dict)
    """Why items were given up, by their places."""
    seen: Found = field(default_factory=Found)
    """What the watch says for and against it."""

    def has(self, at: int) -> bool:
        """Return whether an item has ended: timed, or given up."""
        return at in self.found or at in self.whys

    def of(self, at: int) -> tuple[tuple[SideFound, ...], str]:
        """Return the sides of an item that has ended; none, and why, where it was given up."""
        return self.found.get(at, ()), self.whys.get(at, "")


Keep = Callable[[Begun, SoFar], None]
"""Called each time an item has ended, with the device and all that is known by then."""


def time_on_device(
    items: Sequence[Item],
    *,
    rounds: int,
    block_s: float,
    activity: str,
    tell: Tell,
    start: Start = started,
    keep: Keep = lambda begun, so_far: None,
) -> SoFar:
    """Return what was found of all items; raise CannotHere where nothing can be timed.

    `activity` is what progress is told of. `keep` is for callers that need what there is if
    something interrupts it.
    """
    job = partial(DeviceJob, rounds=rounds, block_s=block_s)
    visit = _Visit(items=items, job=job, tell=partial(tell, activity), keep=keep)
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
        visit.so_far.seen = judge_gpus(watch.report(), Thresholds())
    if visit.so_far.begun is None:
        raise CannotHere(f"--device cuda: no layout can be timed here: {visit.last}")
    lost = f"given up, as {MOST_PROCESSES} processes ended: {visit.last}"
    visit.so_far.whys.update(dict.fromkeys(visit.left, lost))
    keep(visit.so_far.begun, visit.so_far)
    return visit.so_far


@dataclass(kw_only=True)
class _Visit:
    """The state over all processes."""

    items: Sequence[Item]
    job: Callable[..., DeviceJob]
    tell: Callable[[int, int], None]
    keep: Keep
    so_far: SoFar = field(default_factory=SoFar)
    at_work: int | None = None
    last: str = ""
    """How the last process ended that did not do its job."""

    @property
    def left(self) -> list[int]:
        """The items that are still to be timed, by their places."""
        return [at for at in range(len(self.items)) if not self.so_far.has(at)]

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
                    if self.so_far.begun is None:
                        watch.start()
                    self.so_far.begun = message
                case Working():
                    self.at_work = message.at
                case Done():
                    self.so_far.found[message.at] = message.sides
                    self.so_far.seen = judge_gpus(watch.report(), Thresholds())
                    self.at_work = None
                    self.ended()
                case Unable():
                    raise CannotHere(
                        f"--device cuda: {message.why}; --device cpu times what this machine has"
                    )
            self.tell_progress()

    def blame(self, why: str) -> None:
        """Give up the item in which a process ended."""
        self.last = why
        if self.so_far.begun is None:
            raise CannotHere(f"--device cuda: the process that times layouts ended: {why}")
        if self.left:
            self.so_far.whys[self.left[0] if self.at_work is None else self.at_work] = why
            self.ended()

    def ended(self) -> None:
        """Give away what is known, as an item has ended."""
        if self.so_far.begun is not None:
            self.keep(self.so_far.begun, self.so_far)

    def tell_progress(self) -> None:
        """Tell how many items are done."""
        self.tell(len(self.so_far.found), len(self.items))
