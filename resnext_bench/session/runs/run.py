"""A run: measures the sessions of one configuration one after another, and writes their record.

Where another launcher has started the ranks, the first one does that. The others train, hand over
their samples, and remove their folder (`take_part`), unless they failed: then their log says why.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from resnext_bench.errors import (
    Interrupted,
    NotKept,
    RunFailed,
    cannot_write,
    is_of_the_environment,
)
from resnext_bench.job import SessionFolder
from resnext_bench.launch.failure import find_failure
from resnext_bench.launch.ports import choose_port
from resnext_bench.launch.processes import Processes
from resnext_bench.launch.unwritten import raise_unwritten
from resnext_bench.launch.watch import Listener, Progress, SessionFailed, run_session, wait_for_end
from resnext_bench.machine.gpu.watch import GpuWatch
from resnext_bench.machine.host.cores import load_1min
from resnext_bench.machine.host.process import undisturbed
from resnext_bench.machine.inventory import Machine
from resnext_bench.machine.lock import NotHeld, measuring
from resnext_bench.machine.member import Member
from resnext_bench.rankfile import Phase
from resnext_bench.reports.figures.window import steadiness_of
from resnext_bench.reports.schema.config import Choice, Request, RunConfig
from resnext_bench.reports.schema.record import Record
from resnext_bench.reports.schema.sessions import Session
from resnext_bench.reports.store.files import temporary_folder
from resnext_bench.session.attribution import attributed_session
from resnext_bench.session.recording import Recording, Started
from resnext_bench.session.runs.salvage import cut_window, doubts_of
from resnext_bench.session.setup import Setup, set_up
from resnext_bench.session.watching import watching
from resnext_bench.wording import count_of

TIMEOUT_S = 300.0
"""Longest wait of one rank for another: longer than any first step, shorter than users wait."""


class Display(Protocol):
    """What shows the progress of a run."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Called while data is being made or checked."""

    def planned(self, config: RunConfig, choices: Sequence[Choice], folder: Path) -> None:
        """Called when the run has its configuration and its folder."""

    def session(self, number: int, total: int) -> None:
        """Called when a session starts."""

    def progress(self, progress: Progress) -> None:
        """Called about twice a second while a session runs."""


def execute(
    request: Request,
    machine: Machine,
    *,
    root: Path,
    command: Sequence[str],
    display: Display,
    member: Member | None = None,
    note: str = "",
) -> Record:
    """Measure a request, and leave a record at any end.

    Before the first process starts, errors that the user can mend are raised; from then on every
    end is a record with a status, also a failure and an interruption, which is raised again.
    """
    port = 0 if member else choose_port(int(request.get("port", 0)))
    told = display.preparing
    setup = set_up(request, machine, root=root, command=command, tell=told, member=member)
    display.planned(setup.config, setup.resolved.choices, setup.folder)
    with ExitStack() as stack:
        holder = _held(stack, f"run {setup.id}")
        run = Recording(setup=setup, before=tuple(filter(None, (note, holder))))
        return _recorded(run, port, display)


def _held(stack: ExitStack, what: str) -> str:
    """Hold the machine while the stack lives; if it is held already, return who holds it."""
    try:
        stack.enter_context(measuring(what))
    except NotHeld as refusal:
        return refusal.why
    return ""


def _recorded(run: Recording, port: int, display: Display) -> Record:
    try:
        for number in range(1, run.config.sessions + 1):
            display.session(number, run.config.sessions)
            if run.config.attribution_rounds:
                run.sides.append(attributed_session(run, number, display.preparing))
                continue
            # A later session takes its own port: the first one's may linger in the kernel.
            measure_session(run, number, port if number == 1 else choose_port(0), display.progress)
    except SessionFailed as failed:
        return run.close("failed", failed.failure.what, failed.failure)
    except (KeyboardInterrupt, Interrupted):
        with undisturbed():
            record = run.close("interrupted", _where(run, "interrupted"), None)
        raise Interrupted(f"interrupted; the record is in {run.setup.folder}", record) from None
    except Exception as error:
        # Finished sessions are kept whatever went wrong after them; the error is then told.
        if not is_of_the_environment(error):
            run.close("failed", f"{type(error).__name__}: {error}", None)
            raise
        record = run.close("failed", cannot_write(error), None)
        if run.sessions:
            raise NotKept(record, error, kept=True) from error
        raise
    reasons = [reason for session in run.sessions for reason in session.invalid]
    with undisturbed():
        why = "; ".join(dict.fromkeys(reasons))
        record = run.close("invalid" if reasons else "ok", why, None)
    if run.untraced:
        raise NotKept(record, run.untraced, kept=True)
    return record


def _where(run: Recording, what: str) -> str:
    """Say where a run was interrupted."""
    if run.cut:
        return f"{what} after {run.cut}"
    return f"{what} after {count_of(len(run.sessions), 'complete session')}"


def measure_session(run: Recording, number: int, port: int, tell: Listener) -> Session:
    """Launch all ranks once, measure their window, and keep the result."""
    folder = run.session_folder(number)
    setup = run.setup
    folder.create(setup.job(number, TIMEOUT_S), setup.data.images if setup.data else None)
    plan = setup.commands(folder, port)
    started, clock, load = datetime.now(UTC), time.monotonic(), load_1min()
    with watching(setup.gpu_indices()) as watch:
        listener = _Listener(watch=watch, tell=tell, clock=clock)
        began = partial(_began, started, listener, load)
        with _kept_when_cut(run, number, began):
            result = run_session(plan, folder, listener)
        use = watch.report()  # it asks the driver once more, which must still be open
    return run.keep(result, steadiness_of(result), use, began())


def _began(at: datetime, listener: "_Listener", load: float | None) -> Started:
    return Started(at=at, launch_s=listener.launch_s, load_1min=load)


@contextmanager
def _kept_when_cut(run: Recording, number: int, began: Callable[[], Started]) -> Iterator[None]:
    """Keep the finished steps if the body ends before the ranks have handed them over.

    If a run has complete sessions, only those count.
    """
    try:
        yield
    except (KeyboardInterrupt, Interrupted, SessionFailed, OSError):
        with undisturbed():
            if not run.sessions and (result := cut_window(run, number)):
                run.keep_cut(result, began(), doubts_of(run))
        raise


@dataclass(kw_only=True, slots=True)
class _Listener:
    """Passes progress on, samples the GPUs in the window, and notes when training began."""

    watch: GpuWatch
    tell: Listener
    clock: float
    launch_s: float = 0.0
    phase: Phase = Phase.STARTING

    def __call__(self, progress: Progress) -> None:
        if self.phase < Phase.WARM_UP <= progress.phase:
            self.launch_s = time.monotonic() - self.clock
        if self.phase < Phase.TIMED <= progress.phase:
            self.watch.start()
        if progress.phase is Phase.TIMED:
            self.watch.sample()
        self.phase = progress.phase
        self.tell(progress)


def take_part(request: Request, machine: Machine, member: Member, runs: Path) -> None:
    """Train in every session of the first rank's run; raise RunFailed if this rank fails.

    Traces stay on this node, in its own `runs` folder.
    """
    with temporary_folder(kept_after=RunFailed) as root:
        setup = set_up(request, machine, root=root, command=(), tell=lambda *_: None, member=member)
        setup = replace(setup, traces=runs)
        for number in range(1, setup.config.sessions + 1):
            _train(setup, member, setup.session_folder(number), number)


def _train(setup: Setup, member: Member, folder: SessionFolder, number: int) -> None:
    folder.create(setup.job(number, TIMEOUT_S), setup.data.images if setup.data else None)
    with Processes(setup.commands(folder, 0), folder) as processes:
        codes = wait_for_end(processes, folder, lambda _: None, member.rank)
    if any(codes):
        raise_unwritten(folder)
        failure = find_failure(folder, codes)
        raise RunFailed(f"{failure.what}; its log is {failure.log}")
