"""Times plans on this machine's GPU, in processes of its own, while the GPU is watched.

A plan that breaks the process – an access that is not allowed, a crash, silence – is left out in
the next process, which goes on with the problem in which it stood.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

from resnext_bench.convs.times.device_jobs import (
    Asked,
    Begun,
    Done,
    Job,
    Message,
    Refused,
    TimedProblem,
    Trying,
    Unable,
)
from resnext_bench.convs.times.device_process import Ended, started
from resnext_bench.errors import CannotHere
from resnext_bench.machine.gpu.watch import GpuWatch
from resnext_bench.reports.figures.validity import judge_gpus
from resnext_bench.reports.schema.convs import Convolution
from resnext_bench.reports.schema.notes import Found
from resnext_bench.reports.schema.record import Thresholds
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.session.watching import watching

MOST_PROCESSES: Final = 12
"""Processes after which what is left is given up: a device that breaks so often is not well."""
Tell = Callable[[str, int, int], None]
"""Called with the activity, how many items are done, and of how many."""
Start = Callable[[Job], AbstractContextManager[Iterable[Message | None]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What was found of a problem: its times, or why there are none."""

    found: TimedProblem | None = None
    why: str = ""
    gpus: Found = field(default_factory=Found)
    """What the watch says for and against it."""


@dataclass(kw_only=True, slots=True)
class SoFar:
    """What is known by now."""

    begun: Begun | None = None
    """What the device says of itself; None before it has answered."""
    found: dict[int, Measured] = field(default_factory=dict)
    """What was found of problems by their places."""

    def of_each(self, problems: int, why: str) -> list[Measured]:
        """Return what was found of each problem, and of the others why there is nothing."""
        return [self.found.get(at) or Measured(why=why) for at in range(problems)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Orders:
    """How all problems are timed."""

    rounds: int
    block_s: float
    repeats: int


def time_on_device(
    problems: Sequence[tuple[Convolution, Operation]],
    orders: Orders,
    tell: Tell,
    start: Start = started,
    so_far: SoFar | None = None,
) -> tuple[Begun, list[Measured]]:
    """Return what the device says of itself, and what was found of each problem.

    `so_far` gets both as they are found, for callers that need them if something interrupts it.
    Raises CannotHere where nothing can be timed.
    """
    visit = _Visit(problems=problems, orders=orders, tell=tell, so_far=so_far or SoFar())
    with watching([0]) as watch:
        for _ in range(MOST_PROCESSES):
            visit.tell_progress()
            if not visit.left:
                break
            try:
                with start(visit.job()) as messages:
                    visit.hear(messages, watch)
            except Ended as ended:
                visit.blame(str(ended))
    if visit.so_far.begun is None:
        raise CannotHere(f"--device cuda: no plan can be timed here: {visit.last}")
    lost = f"given up, as {MOST_PROCESSES} processes ended: {visit.last}"
    return visit.so_far.begun, visit.so_far.of_each(len(problems), lost)


@dataclass(kw_only=True)
class _Visit:
    """The state over all processes."""

    problems: Sequence[tuple[Convolution, Operation]]
    orders: Orders
    tell: Tell
    so_far: SoFar
    skipped: dict[int, tuple[str, ...]] = field(default_factory=dict)
    trying: Trying | None = None
    """What ran last for the first time."""
    last: str = ""
    """How the last process ended that did not do its job."""

    @property
    def left(self) -> list[int]:
        """The problems that are still to be timed, by their places."""
        return [at for at in range(len(self.problems)) if at not in self.so_far.found]

    def job(self) -> Job:
        """Return what is left as a job."""
        self.trying = None
        asked = [
            Asked(
                at=at,
                convolution=self.problems[at][0],
                operation=self.problems[at][1],
                skipped=self.skipped.get(at, ()),
            )
            for at in self.left
        ]
        return Job(problems=tuple(asked), **{name: getattr(self.orders, name) for name in _ORDERS})

    def hear(self, messages: Iterable[Message | None], watch: GpuWatch) -> None:
        """Take all messages of a process; the GPU is asked twice a second meanwhile."""
        for message in messages:
            watch.sample()
            match message:
                case Begun():
                    self.so_far.begun = message
                    watch.start()
                case Trying():
                    self.trying = message
                case Done():
                    gpus = judge_gpus(watch.report(), Thresholds())
                    self.so_far.found[message.at] = Measured(found=message.found, gpus=gpus)
                    self.trying = None
                    watch.start()
                case Refused():
                    self.so_far.found[message.at] = Measured(why=message.why)
                    self.trying = None
                case Unable():
                    raise CannotHere(
                        f"--device cuda: {message.why}; --device cpu times what this machine has, "
                        "and convs plan lists cuDNN's plans without a GPU"
                    )
            self.tell_progress()

    def blame(self, why: str) -> None:
        """Find whose fault the end of a process was: a plan's, or the whole problem's."""
        self.last = why
        if self.so_far.begun is None:
            raise CannotHere(f"--device cuda: the process that times plans ended: {why}")
        if not self.left:
            return
        trying = self.trying
        if trying is None or not trying.plan:
            at = trying.at if trying else self.left[0]
            self.so_far.found[at] = Measured(why=why)
        else:
            self.skipped[trying.at] = (*self.skipped.get(trying.at, ()), trying.plan)

    def tell_progress(self) -> None:
        """Tell how many problems are done."""
        self.tell("timing plans in turn", len(self.so_far.found), len(self.problems))


_ORDERS: Final = ("rounds", "block_s", "repeats")
