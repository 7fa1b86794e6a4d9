"""A visit: every part in turn, each in a process of its own and in its box of time.

A part watches its own time. If it does not end in time, it is ended from here; what it has stored
by then remains. This module loads no torch: the GPU belongs to the part that runs.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from resnext_bench.errors import Interrupted
from resnext_bench.lab.checkout import ROOT
from resnext_bench.lab.visit.part import BROKEN
from resnext_bench.lab.visit.plan import Part, boxes
from resnext_bench.lab.visit.results import Book
from resnext_bench.lab.visit.sizes import Kind
from resnext_bench.machine.host.process import undisturbed

MODULE: Final = "resnext_bench.lab.visit.part"
OVERRUN: Final = 0.25
OVERRUN_S: Final = 10.0
"""Share of its box, and seconds at most, by which a task that was begun in time may exceed it."""
ENDS_S: Final = 3.0
"""Seconds that a process gets to end by itself."""
WORTH_S: Final = 5.0
"""Seconds below which nothing is begun any more."""
RESTARTS: Final = 3
"""Number of restarts of a part whose device no longer answered."""


def visit(book: Book, parts: Sequence[Part], kind: Kind, seconds: float) -> None:
    """Measure what is left to be measured; raises Interrupted after storing the results so far."""
    start = time.monotonic()
    end = start + seconds
    for part, box_s in zip(parts, boxes(parts, seconds), strict=True):
        _run(part, book, kind, start + box_s, end)
    for part in parts:  # those that were cut or never begun, with what others left
        found = book.results.part(part.name)
        if found.unreached or not found.planned:
            _run(part, book, kind, end, end, again=True)


def _run(
    part: Part, book: Book, kind: Kind, deadline: float, end: float, *, again: bool = False
) -> None:
    """Run one part, and again in a new process where the device stopped working.

    With `again`, what has failed before in this visit is not retried.
    """
    for attempt in range(1 + RESTARTS):
        left = deadline - time.monotonic()
        if left < WORTH_S:
            _reread(book)
            book.stop(part.name, "no time was left for it")
            return
        print(f"{part.name}: {part.what}, {left:.0f} s", flush=True)
        latest = min(end, deadline + min(OVERRUN_S, OVERRUN * left))
        options = ["--device", kind, "--deadline", str(deadline)]
        if again or attempt:
            options.append("--again")
        code = _ended(part, book, options, latest)
        _reread(book)
        if code is None and again:  # begun in time others left, with nothing beyond it
            book.stop(part.name, "the visit's time was over", over=True)
        elif code is None:
            book.stop(part.name, "it was ended: a task went on beyond the time of its part")
        elif code:
            book.stop(part.name, _why(code), broke=True)
        if code != BROKEN and not _died(code):
            return


def _ended(part: Part, book: Book, options: Sequence[str], latest: float) -> int | None:
    """Return the exit code of a part; None where it had to be ended."""
    with _started(part, book, options) as process:
        try:
            return process.wait(max(0.0, latest - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None
        except KeyboardInterrupt:
            pass
    _reread(book)
    with undisturbed():
        book.stop(part.name, "interrupted")
    raise Interrupted(f"interrupted; what there is by now is in {book.path}")


@contextmanager
def _started(part: Part, book: Book, options: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start the process of a part; leaving the block ends it and all that it started."""
    command = (sys.executable, "-m", MODULE, part.name, str(book.path.absolute()), *options)
    with undisturbed():  # a signal in here would leave a process that nobody knows
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(book.results.facts.kind),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with undisturbed():
            _end(process)


def environment(kind: Kind) -> dict[str, str]:
    """Return the environment of parts and all that they start; a checkout need not be installed.

    On a GPU the allocator's segments can grow; on a CPU one thread is enough for a miniature, and
    does not wait for cores that other work has.
    """
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    own = {
        "cuda": {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"},
        "cpu": {"OMP_NUM_THREADS": "1"},
    }[kind]
    return {**own, **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process, and all that it started and left in its group."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None or sig == signal.SIGKILL:
            try:
                os.killpg(process.pid, sig)
            except ProcessLookupError:
                return
        try:
            process.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            continue


def _reread(book: Book) -> None:
    """Read what the part has written."""
    book.results = Book.open(book.path).results


def _died(code: int | None) -> bool:
    """Return whether a process was ended by a signal that nobody here sent."""
    return code is not None and code < 0


def _why(code: int) -> str:
    if _died(code):
        return f"its process was ended by {signal.Signals(-code).name}"
    return (
        "the device answered no more" if code == BROKEN else f"its process ended with code {code}"
    )
