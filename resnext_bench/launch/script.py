"""Runs a user's script once, as its user would, and makes sure that no process is left over."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from resnext_bench.launch.commands import kept_memory
from resnext_bench.launch.processes import GRACE_S, signal_group, wait_for
from resnext_bench.machine.host.cores import descendants
from resnext_bench.machine.host.page_faults import Faults, faults_of_ended
from resnext_bench.machine.host.process import HELD, die_with_parent, undisturbed
from resnext_bench.reports.store.files import open_log

SAMPLES_VARIABLE: Final = "RESNEXT_BENCH_SAMPLES"
"""Variable that names the file to which a script appends one step time per line, in ns."""
POLL_S: Final = 0.5
LOOK_S: Final = 0.1
"""Seconds between looks at a script; a look takes less than a millisecond of another core."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptCommand:
    """One launch of a script, without a shell."""

    argv: tuple[str, ...]
    cwd: Path
    samples: Path
    """The file of step times; absolute, as the script may run in another folder."""
    log: Path
    """The file that takes all its output."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables that are added to those of the caller."""


def heap_variables(*, as_is: bool) -> dict[str, str]:
    """Return the heap settings of scripts: those of our own ranks on the CPU, or the user's."""
    return {} if as_is else kept_memory()


class RunningScript:
    """A script and all that it started. Leaving the `with` block ends all of it.

    Its variables are the caller's and those of the command, without the PYTHONSAFEPATH of our own
    ranks: it may import what lies next to it. Entering raises OSError if it cannot be started.
    """

    def __init__(self, command: ScriptCommand) -> None:
        self.command = command
        self.faults = Faults()
        """Page faults of all its processes, once it has ended; but see `faults_of_ended`."""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            with undisturbed():  # once it runs it must be known, or nobody would end it
                self._process = _start(self.command)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def pids(self) -> list[int]:
        """Return the ids of all its living processes."""
        return descendants([self._process.pid]) if self._process else []

    def code(self, seconds: float = 0.0) -> int | None:
        """Return its exit code, -N for signal N; None if it has not ended after `seconds`."""
        assert self._process
        with self._reaping(), contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode

    def wait(
        self,
        limit_s: float,
        tick: Callable[[], None],
        look: Callable[[int], None] = lambda _: None,
    ) -> int | None:
        """Return its exit code, or None if it took longer than `limit_s`.

        `tick` is called twice a second, `look` ten times, with the process's id.
        """
        deadline, told_s = time.monotonic() + limit_s, time.monotonic()
        while (left_s := deadline - time.monotonic()) > 0:
            code = self.code(min(LOOK_S, left_s))
            if code is not None:
                return code
            if self._process:
                look(self._process.pid)
            if time.monotonic() - told_s >= POLL_S:
                told_s = time.monotonic()
                tick()
        return None

    def _end(self) -> None:
        with undisturbed():
            if self._process:
                with self._reaping():
                    _stop(self._process)
            end_left_over(self.command.samples)

    @contextlib.contextmanager
    def _reaping(self) -> Iterator[None]:
        """Count its page faults, which the kernel reports when the process is waited for."""
        before = faults_of_ended()
        try:
            yield
        finally:
            self.faults = self.faults + (faults_of_ended() - before)


def run_script(command: ScriptCommand, limit_s: float, tick: Callable[[], None]) -> int | None:
    """Run a script; return its exit code, -N for signal N, or None if it took over `limit_s`."""
    with RunningScript(command) as script:
        return script.wait(limit_s, tick)


def end_left_over(samples: Path) -> None:
    """End every process that has this file of samples, or one below this folder, as its own.

    A script's processes may have groups of their own, as torchrun's ranks do, or may have outlived
    a program that was killed; all of them inherit the variable.
    """
    mark = os.fsencode(f"{SAMPLES_VARIABLE}={samples}")
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            pid = int(process.name)
            variables = (process / "environ").read_bytes().split(b"\0")
            if any(_belongs(variable, mark) for variable in variables):
                os.kill(pid, signal.SIGKILL)


def _belongs(variable: bytes, mark: bytes) -> bool:
    return variable == mark or variable.startswith(mark + b"/")


def _start(command: ScriptCommand) -> subprocess.Popen[bytes]:
    with open_log(command.log) as stream:
        return subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env={**os.environ, **command.variables, SAMPLES_VARIABLE: str(command.samples)},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            # A session of its own: Ctrl-C reaches this program alone, which then ends the rest.
            start_new_session=True,
            preexec_fn=_before_exec,  # noqa: PLW1509
        )


def _before_exec() -> None:
    # They are held off while it is started, and it would inherit that: it must hear them.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
    die_with_parent(signal.SIGTERM)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a running script to end; then kill all that is left of its group."""
    if process.poll() is None:
        signal_group(process.pid, signal.SIGTERM)
        wait_for([process], GRACE_S)
    signal_group(process.pid, signal.SIGKILL)
    wait_for([process], GRACE_S)
