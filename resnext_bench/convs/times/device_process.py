"""A process that times on a GPU, as its program sees it: a job, and messages one by one."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from resnext_bench.convs.times.device_jobs import Job, Message
from resnext_bench.launch.processes import GRACE_S, signal_group, wait_for
from resnext_bench.logs import last_words
from resnext_bench.machine.host.process import HELD, die_with_parent, undisturbed
from resnext_bench.reports.store.files import open_log, temporary_folder

MODULE: Final = "resnext_bench.convs.measuring.device_child"
PATIENCE_S: Final = 300.0
"""Longest time without a message, s: a search of PyTorch's, all rounds of a problem."""
POLL_S: Final = 0.5


class Ended(Exception):
    """The process ended before its job was done; the text says how, in one line."""


T = TypeVar("T")


@contextmanager
def started(job: Job, module: str = MODULE) -> Iterator[Iterator[Message | None]]:
    """Start the process that times plans, and yield its messages as `heard` does."""
    with heard(job, module, _read) as messages:
        yield messages


def _read(line: bytes) -> Message:
    found: Message = msgspec.json.decode(line, type=Message)
    return found


@contextmanager
def heard(
    job: msgspec.Struct, module: str, read: Callable[[bytes], T]
) -> Iterator[Iterator[T | None]]:
    """Start a process with its job, and yield its messages; None twice a second without one.

    They end when it has done its job, and raise Ended where it has not. Leaving the `with` block
    ends it.
    """
    with temporary_folder() as folder:
        log = folder / "log"
        # Once it runs it must be known, or nobody would end it.
        with undisturbed(), open_log(log) as stream:
            process = subprocess.Popen(
                (sys.executable, "-P", "-m", module),
                env=os.environ | {"PYTHONSAFEPATH": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                start_new_session=True,  # Ctrl-C reaches this program alone, which then ends it
                preexec_fn=_before_exec,  # noqa: PLW1509
            )
        try:
            assert process.stdin
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(msgspec.json.encode(job))
            yield _messages(process, log, read)
        finally:
            _end(process)


def _before_exec() -> None:
    # System calls, and no lock that another thread of the program could hold.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
    die_with_parent()


def _messages(
    process: subprocess.Popen[bytes], log: Path, read: Callable[[bytes], T]
) -> Iterator[T | None]:
    assert process.stdout
    buffer, heard = b"", time.monotonic()
    while True:
        if not select.select([process.stdout], [], [], POLL_S)[0]:
            if time.monotonic() - heard > PATIENCE_S:
                raise Ended(f"it said nothing for {PATIENCE_S:.0f} s")
            yield None
            continue
        got = os.read(process.stdout.fileno(), 2**16)
        if not got:
            break
        heard = time.monotonic()
        *lines, buffer = (buffer + got).split(b"\n")
        for line in lines:
            yield read(line)
    if code := process.wait():
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        raise Ended(f"{last_words(log) or 'it said nothing'} ({how})")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started."""
    with undisturbed():
        if process.poll() is None:
            signal_group(process.pid, signal.SIGKILL)
        wait_for([process], GRACE_S)
        if process.stdout:
            process.stdout.close()
