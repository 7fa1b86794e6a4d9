"""Tells `resnext-bench compare --script` when a step of your training has ended.

    import resnext_bench

    for images, labels in loader:
        ...                       # forward, backward, optimizer
        torch.cuda.synchronize()  # where a GPU computes: it works on after the calls return
        resnext_bench.step()

`step()` writes the time since it was last called to the file that $RESNEXT_BENCH_SAMPLES names.
Where a comparison lets both sides take turns it then waits for this side's turn, and that wait is
in no step. Without the variable it does nothing. This file needs nothing but Python 3.8 and may be
copied.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import resource
import struct
import time
from collections.abc import Callable

__all__ = ["step"]

_SAMPLES = "RESNEXT_BENCH_SAMPLES"
_TURNS = "RESNEXT_BENCH_TURNS"
"""Variable that names a folder with two pipes: `tokens` to this process, `answers` from it."""
_READY, _GONE = 1, -1
"""Words of this side: it is waiting for its first turn; it takes no more steps."""
_WORD = struct.Struct("<q")
_UNOPENED, _NEVER = -1, -2
"""Values in place of a file: `step()` was not called yet; another process writes."""


class _Turns:
    """The side's end of the pipes. If the comparison is gone, the script runs on freely."""

    def __init__(self, folder: str) -> None:
        # Reading alone, so that the end of the comparison is the end of the pipe; where that has
        # come already, opening must not wait for another one.
        self._tokens = os.open(f"{folder}/tokens", os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(self._tokens, True)
        self._answers = os.open(f"{folder}/answers", os.O_WRONLY | os.O_NONBLOCK)

    def wait(self, word: int) -> int:
        """Give the token back with a word, sleep until it returns, and return its number of steps.

        It is 0 where there are no more turns.
        """
        try:
            os.write(self._answers, _WORD.pack(word))
            found = os.read(self._tokens, _WORD.size)
        except OSError:
            return 0
        return int(_WORD.unpack(found)[0]) if len(found) == _WORD.size else 0

    def leave(self) -> None:
        """Say that no more steps follow."""
        with contextlib.suppress(OSError):
            os.write(self._answers, _WORD.pack(_GONE))


class _Steps:
    """What `step()` does where a comparison is under way."""

    def __init__(self, samples: str, folder: str | None) -> None:
        self._samples, self._folder = samples, folder
        self._turns: _Turns | None = None
        self._file = _UNOPENED
        self._owner = os.getpid()
        self._last = 0
        self._left = 0
        """Steps that are left of this turn."""
        self._block = 0
        """Their time so far without the first one's, ns."""
        self._fresh = False
        """Whether the next step is the first of a turn."""
        self._first_faults = self._last_faults = 0
        """Page faults of this process before its first step, and before its last call."""

    def step(self) -> None:
        now = time.perf_counter_ns()
        if self._file >= 0:
            self._ended(now - self._last)
        elif self._file == _UNOPENED:
            self._open()
        self._last_faults = _faults()
        self._last = time.perf_counter_ns()

    def _open(self) -> None:
        """Open the file at the first call. One process writes: rank 0, or the first to call."""
        self._file = _NEVER
        first = os.environ.get("RANK", "0") == "0" and _marked(self._samples + ".by-step")
        if not first or os.environ.get("WORLD_SIZE", "1") != "1":
            _marked(self._samples + ".ranks")
        if not first:
            return
        self._owner = os.getpid()
        self._file = os.open(self._samples, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        atexit.register(self._leave)
        if self._folder:
            with contextlib.suppress(OSError):  # a comparison that has gone has no pipes' ends
                self._turns = _Turns(self._folder)
                self._take(_READY)
        self._first_faults = _faults()

    def _ended(self, step_ns: int) -> None:
        if os.getpid() != self._owner:  # a process forked from the one that takes the steps
            return
        os.write(self._file, b"%d\n" % step_ns)
        if self._turns is None:
            return
        self._block += 0 if self._fresh else step_ns
        self._fresh = False
        self._left -= 1
        if self._left == 0:
            self._take(self._block)

    def _take(self, word: int) -> None:
        assert self._turns
        self._left, self._block, self._fresh = self._turns.wait(word), 0, True
        if self._left <= 0:
            self._turns = None

    def _leave(self) -> None:
        if os.getpid() != self._owner:
            return
        if self._turns:
            self._turns.leave()
        with contextlib.suppress(OSError):
            file = os.open(self._samples + ".faults", os.O_CREAT | os.O_WRONLY, 0o666)
            os.write(file, b"%d\n" % (self._last_faults - self._first_faults))
            os.close(file)


def _faults() -> int:
    """Return the page faults of all threads of this process so far that read no disk."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def _marked(path: str) -> bool:
    """Leave an empty file for the comparison to see; return whether it was new."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError:
        return False
    return True


def _nothing() -> None:
    """Do nothing: no comparison is under way."""


def _chosen() -> Callable[[], None]:
    samples = os.environ.get(_SAMPLES)
    return _Steps(samples, os.environ.get(_TURNS)).step if samples else _nothing


_step = _chosen()


def step() -> None:
    """Mark the end of a step. Call it on each rank after waiting for the device.

    The first call starts the clock; every further one writes a step's time.
    """
    _step()
