"""The token of a duet, which decides which resident side may compute, passed through two pipes.

A rank without the token sleeps in a blocking read, which costs nothing. The pipes are named, in
the session's folder, so that they outlive no folder and need no port. Words are 64-bit integers.
"""

import os
import select
import struct
from pathlib import Path
from typing import Final

from resnext_bench.reports.store.files import writing

WARM_UP: Final = -1
"""Token: do the warm-up steps. The answer is the shortest step of the later half, in ns."""
END: Final = 0
"""Token: hand over what was measured and end. A positive token is a block of that many steps."""
FULL: Final = 1 << 32
"""Added to a block's token: the loader's queue stays full, as the pause has left it."""
DOUBLE: Final = 1 << 33
"""Added to a block's token: each step takes two batches and trains on one, as if training were
twice as fast. Nothing but the block's length is kept."""
OTHER: Final = 1 << 34
"""Added to a block's token: batches come from the side's second loader. Nothing but the block's
length is kept.
"""
PROFILE: Final = 1 << 35
"""Added to a number of steps: so many are profiled, and the rank keeps their trace. They are no
block: the answer is how long those in the trace took, in ns."""
READY: Final = 1
"""First word of a side: it is built, connected and waiting."""

_WORD: Final = struct.Struct("<q")


class Pipes:
    """Both pipes of one side. Small writes to a pipe are atomic (pipe(7), PIPE_BUF)."""

    def __init__(self, folder: Path) -> None:
        self.tokens = folder / "tokens"
        self.answers = folder / "answers"

    def create(self) -> None:
        """Make the pipes, before the side starts."""
        for path in (self.tokens, self.answers):
            with writing(path):
                path.unlink(missing_ok=True)
                os.mkfifo(path, 0o600)


class Holder:
    """The program's end: gives the token and waits for it to come back."""

    def __init__(self, pipes: Pipes) -> None:
        # Reading and writing: opening does not wait for the side, and no end-of-file comes early.
        self._tokens = os.open(pipes.tokens, os.O_RDWR | os.O_CLOEXEC)
        self._answers = os.open(pipes.answers, os.O_RDWR | os.O_CLOEXEC)

    def give(self, token: int) -> None:
        """Pass the token on."""
        os.write(self._tokens, _WORD.pack(token))

    def answer(self, seconds: float) -> int | None:
        """Return the side's next word; None if none came within `seconds`."""
        ready, _, _ = select.select([self._answers], [], [], seconds)
        return _read(self._answers) if ready else None

    def close(self) -> None:
        """Close the pipes."""
        os.close(self._tokens)
        os.close(self._answers)


class Taker:
    """Rank 0's end: waits for the token, asleep, and gives it back with a word."""

    def __init__(self, pipes: Pipes) -> None:
        self._tokens = os.open(pipes.tokens, os.O_RDWR | os.O_CLOEXEC)
        self._answers = os.open(pipes.answers, os.O_RDWR | os.O_CLOEXEC)

    def take(self) -> int:
        """Sleep until the token comes, and return it."""
        return _read(self._tokens)

    def back(self, word: int) -> None:
        """Give the token back."""
        os.write(self._answers, _WORD.pack(word))


def _read(descriptor: int) -> int:
    (word,) = _WORD.unpack(os.read(descriptor, _WORD.size))
    return int(word)
