"""Processes that read a trace each, at the same time: started, given files, heard and ended.

They are started as programs of their own, not forked, so that no thread of this one is in their
way. Their own session keeps Ctrl-C from them: it ends this program, which then ends them at once.
Each has one file at a time, so that it is known which file ended a process.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from typing import Final

from resnext_bench.machine.host.process import HELD, die_with_parent, undisturbed
from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.trace.many.jobs import Done, Job, Read
from resnext_bench.wording import readable

_MODULE: Final = "resnext_bench.reports.trace.many.child"
_GRACE_S: Final = 5.0

Heard = Callable[[int, int, int], None]
"""Called with the number of a job, the bytes read of its file, and its size."""


@dataclass(eq=False, slots=True)
class _Child:
    """A process, and the file that it reads."""

    process: "subprocess.Popen[bytes]"
    connection: Connection
    job: Job | None = None


def in_processes(jobs: Iterator[Job], count: int, heard: Heard) -> Generator[Done, None, None]:
    """Yield what comes of jobs as it comes; at most `count` are done at the same time.

    A job is taken when a process is free for it, or will be next. Closing the generator ends all
    processes at once.
    """
    crew = _Crew(count)
    try:
        waiting = next(jobs, None)
        while waiting or crew.busy:
            if waiting and crew.has_room:
                crew.give(waiting)
                waiting = next(jobs, None)
                continue
            for told, job in crew.told():
                if isinstance(told, Read):
                    heard(job.number, told.read, told.size)
                else:
                    yield told
    finally:
        crew.end()


class _Crew:
    """The processes."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._children: list[_Child] = []

    @property
    def busy(self) -> list[_Child]:
        """Return those that have a job."""
        return [one for one in self._children if one.job]

    @property
    def has_room(self) -> bool:
        """Return whether one is free, or may be started."""
        return len(self.busy) < self._count

    def give(self, job: Job) -> None:
        """Give a job to a process that has none."""
        free = next((one for one in self._children if not one.job), None)
        child = free or self._started()
        child.job = job
        # One that has ended is told when it is waited for.
        with suppress(BrokenPipeError, ConnectionResetError):
            child.connection.send(job)

    def told(self) -> Iterator[tuple[Read | Done, Job]]:
        """Wait for words of any process, and yield them; one that ended ends its job."""
        by_connection = {one.connection: one for one in self.busy}
        for connection in wait(list(by_connection)):
            child = by_connection[connection]  # type: ignore[index]
            job = child.job
            assert job
            try:
                word: Read | Done = child.connection.recv()
            except (EOFError, OSError):  # the latter where it ended while it spoke
                word = Done(number=job.number, broken=self._lost(child, job))
            if isinstance(word, Done):
                child.job = None
            yield word, job

    def _started(self) -> _Child:
        ours, theirs = Pipe()
        with undisturbed():  # once it runs it must be known, or nobody would end it
            process = subprocess.Popen(
                (sys.executable, "-P", "-m", _MODULE, str(theirs.fileno())),
                env=os.environ | {"PYTHONSAFEPATH": "1"},
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_before_exec,  # noqa: PLW1509
            )
            child = _Child(process=process, connection=ours)
            self._children.append(child)
        theirs.close()
        return child

    def _lost(self, child: _Child, job: Job) -> TraceError:
        """Return which file a process was reading when it ended, and how it ended."""
        how = _how(child.process)
        self._children.remove(child)
        _end([child])
        told = f"{readable(job.file.path)}: the process that read it {how}"
        return TraceError(told, kind="ended")

    def end(self) -> None:
        """End all of them."""
        _end(self._children)


def _how(process: "subprocess.Popen[bytes]") -> str:
    """Wait for a process that has nothing more to say, and return how it ended by itself."""
    try:
        code = process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        return "says nothing more, and was ended"
    if code >= 0:
        return f"ended with exit code {code}"
    if code == -signal.SIGKILL:
        return (
            "was ended by SIGKILL, as happens where memory is used up; read fewer at once: --jobs 1"
        )
    known = {int(one): one.name for one in signal.Signals}
    return f"was ended by {known.get(-code, f'signal {-code}')}"


def _end(children: list[_Child]) -> None:
    with undisturbed():
        for child in children:
            if child.process.poll() is None:
                child.process.kill()
        for child in children:
            # One that the kernel holds back ends later; it must not hide why all are ended.
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(_GRACE_S)
            child.connection.close()


def _before_exec() -> None:
    # System calls, and no lock that another thread of the program could hold.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
    die_with_parent()
