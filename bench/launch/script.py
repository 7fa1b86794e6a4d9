"""Runs a user's own script once, as its user would, and sees to it that nothing of it is left."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.launch.processes import GRACE_S, signal_group, wait_for
from bench.machine.process import die_with_parent, undisturbed

SAMPLES_VARIABLE: Final = "RESNEXT_BENCH_SAMPLES"
"""Names the file to which a script appends one step time a line, in ns."""
POLL_S: Final = 0.5
LOOK_S: Final = 0.1
"""How often a script is looked at; a look takes less than a millisecond of another core."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptCommand:
    """One launch of a script. No shell has a hand in it."""

    argv: tuple[str, ...]
    cwd: Path
    samples: Path
    """Absolute, as the script may stand elsewhere."""
    log: Path
    """Takes all its output."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What it gets besides the caller's own."""


def run_script(
    command: ScriptCommand,
    limit_s: float,
    tick: Callable[[], None],
    look: Callable[[int], None] = lambda _: None,
) -> int | None:
    """Return its exit code, -N when signal N ended it, or None when it took over `limit_s`.

    `look` is given its process id ten times a second. There is no PYTHONSAFEPATH as for our own
    ranks: it may import what lies beside it. Raises OSError where it cannot be started.
    """
    process: subprocess.Popen[bytes] | None = None
    try:
        with undisturbed():  # once it runs it must be known, or nobody would end it
            process = _start(command)
        return _wait(process, limit_s, tick, look)
    finally:
        with undisturbed():
            if process:
                _stop(process)
            end_left_over(command.samples)


def end_left_over(samples: Path) -> None:
    """End every process that has this file of samples, or one below this folder, as its own.

    A script's processes may have groups of their own (torchrun's ranks do), or have outlived a
    program that was killed; the variable is inherited by all of them.
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
    with command.log.open("ab") as stream:
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
    die_with_parent(signal.SIGTERM)


def _wait(
    process: subprocess.Popen[bytes],
    limit_s: float,
    tick: Callable[[], None],
    look: Callable[[int], None],
) -> int | None:
    deadline, told_s = time.monotonic() + limit_s, time.monotonic()
    while (left_s := deadline - time.monotonic()) > 0:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(min(LOOK_S, left_s))
        look(process.pid)
        if time.monotonic() - told_s >= POLL_S:
            told_s = time.monotonic()
            tick()
    return None


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a script that still runs to end; then end all that is left of its group."""
    if process.poll() is None:
        signal_group(process.pid, signal.SIGTERM)
        wait_for([process], GRACE_S)
    signal_group(process.pid, signal.SIGKILL)
    wait_for([process], GRACE_S)
