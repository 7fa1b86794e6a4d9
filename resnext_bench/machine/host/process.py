"""Binds processes to cores and to the life of their parent."""

import ctypes
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

_PR_SET_PDEATHSIG = 1

HELD: Final = (signal.SIGINT, signal.SIGTERM)
"""Signals by which a user or a scheduler ends the program."""


def bind_to_cores(cores: Sequence[int]) -> None:
    """Let this process and the threads it makes from now on run on `cores` alone."""
    os.sched_setaffinity(0, cores)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold off Ctrl-C and SIGTERM while something short must be finished."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def die_with_parent(sig: signal.Signals = signal.SIGKILL) -> None:
    """Let the kernel send `sig` when the parent dies, so that no rank outlives its agent."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(sig))
