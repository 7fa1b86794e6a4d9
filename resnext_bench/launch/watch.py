"""Runs one session from launch to result, and reports progress to a listener."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from resnext_bench.errors import RunFailed
from resnext_bench.job import SessionFolder
from resnext_bench.launch.commands import NodeCommand
from resnext_bench.launch.failure import find_early_end, find_failure, find_stuck
from resnext_bench.launch.processes import Processes
from resnext_bench.launch.unwritten import raise_unwritten
from resnext_bench.logs import tail
from resnext_bench.rankfile import Mark, Phase, RankFile
from resnext_bench.reports.schema.record import Failure
from resnext_bench.reports.schema.samples import SessionResult

POLL_S = 0.5
PATIENCE_S = 600.0
"""Longest time without a finished step or phase: twice as long as ranks wait for each other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a session is, read from rank 0's file."""

    phase: Phase
    done: int
    """Number of finished steps of the present phase."""
    total: int
    rate: float
    """Steps per second over the last few steps; 0 while unknown."""
    still_s: float = 0.0
    """Seconds in which nothing has moved."""


Listener = Callable[[Progress], None]


class SessionFailed(RunFailed):
    """A session ended without a result; `failure` says which rank and why.

    `why`: the same without what to do about it.
    """

    def __init__(self, failure: Failure, *, why: str = "") -> None:
        super().__init__(failure.what)
        self.failure = failure
        self.why = why or failure.what


def run_session(
    commands: Sequence[NodeCommand], folder: SessionFolder, listener: Listener
) -> SessionResult:
    """Start the processes, wait until they end, and read what rank 0 gathered."""
    with Processes(commands, folder) as processes:
        codes = wait_for_end(processes, folder, listener)
    if any(codes):
        raise_unwritten(folder)
        raise SessionFailed(find_failure(folder, codes))
    return read_result(folder)


def read_result(folder: SessionFolder) -> SessionResult:
    """Return what rank 0 gathered before it ended."""
    try:
        return msgspec.msgpack.decode(folder.result.read_bytes(), type=SessionResult)
    except (OSError, msgspec.MsgspecError) as error:
        if early := find_early_end(folder):
            raise SessionFailed(early) from error
        log = folder.rank_log(0)
        what = (
            f"the ranks ended without an error but left no result in {folder.result.name}: {error}"
        )
        failure = Failure(rank=0, kind="no_result", what=what, log=str(log), log_tail=tail(log))
        raise SessionFailed(failure) from error


def wait_for_end(
    processes: Processes, folder: SessionFolder, listener: Listener, rank: int = 0
) -> list[int | None]:
    """Wait until all commands have ended, or one has failed, which the others would wait for."""
    patience = Patience(folder, rank)
    while True:
        codes = processes.exit_codes
        if any(codes):
            return settled(processes)
        if all(code == 0 for code in codes):
            return codes
        if progress := patience.look():
            listener(progress)
        time.sleep(POLL_S)


class Patience:
    """Waits for a rank as long as it makes progress, however long that takes in all."""

    def __init__(self, folder: SessionFolder, rank: int = 0) -> None:
        self._folder, self._rank = folder, rank
        self._moved, self._last = time.monotonic(), (-1, -1)

    def look(self) -> Progress | None:
        """Return the progress, once known; raise SessionFailed after too long without any."""
        file = RankFile.open(self._folder.rank_file(self._rank))
        progress = progress_of(file) if file else None
        if progress and (progress.phase, progress.done) != self._last:
            self._moved, self._last = time.monotonic(), (progress.phase, progress.done)
        still_s = time.monotonic() - self._moved
        if still_s > PATIENCE_S:
            raise SessionFailed(find_stuck(self._folder, self._rank, PATIENCE_S))
        return replace(progress, still_s=still_s) if progress else None


def settled(processes: Processes) -> list[int | None]:
    """Return the exit codes a moment after the first failure, when other nodes have ended too."""
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline and None in processes.exit_codes:
        time.sleep(0.1)
    return processes.exit_codes


def progress_of(file: RankFile) -> Progress:
    """Return the progress that a rank file shows at this moment."""
    done, phase = file.steps_done, file.phase
    timed = phase >= Phase.TIMED
    return Progress(
        phase=phase,
        done=max(0, done - file.warm_up) if timed else done,
        total=file.steps if timed else file.warm_up,
        rate=_rate(file, done),
    )


def _rate(file: RankFile, done: int, over: int = 10) -> float:
    first = max(0, done - over)
    if done - first < 2:
        return 0.0
    elapsed_ns = file.marks[done - 1, Mark.OPTIMIZER] - file.marks[first, Mark.OPTIMIZER]
    return float((done - 1 - first) / elapsed_ns * 1e9) if elapsed_ns > 0 else 0.0
