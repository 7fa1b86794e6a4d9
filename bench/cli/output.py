"""Standard output for programs. A reader that goes away takes nothing but its own copy."""

import os
import sys
from contextlib import suppress
from typing import IO


def print_json(data: bytes) -> None:
    """JSON alone, and a line's end."""
    try:
        sys.stdout.buffer.write(data + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        silence(sys.stdout)


def silence(stream: IO[str]) -> None:
    """Let all that is still written to `stream` go nowhere.

    Python flushes at its end, which would fail once more and change the exit code.
    """
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
